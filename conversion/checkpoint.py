"""An official checkpoint as it was published: a folder, or a zip file of one, that nobody vouches for.

All is bounded by its kind before it is read, and no pickle is read that could run code. An error says what is wrong
with the checkpoint; who calls adds its name.
"""

import json
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.serialization import get_unsafe_globals_in_checkpoint

from ..configuration.repository import CONFIG_FILE, VOCABULARIES
from ..configuration.weight_files import WEIGHTS


PICKLE = "pytorch_model.bin"
WEIGHT_FILES = (WEIGHTS, "weights.safetensors", PICKLE)
# Most bytes that a file may have, by its name: far more than those of any official checkpoint have.
MEGABYTE = 2**20
LIMITS = {
    CONFIG_FILE: MEGABYTE,
    **dict.fromkeys(("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"), 16 * MEGABYTE),
    **dict.fromkeys(VOCABULARIES, 128 * MEGABYTE),
    **dict.fromkeys(WEIGHT_FILES, 16 * 1024 * MEGABYTE),
}
# How zip files pack what they hold, of which the standard library reads all that was declared and no more.
PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 0x1
# What `torch.load` raises for a file that is none of its own; the last by its name there: nothing here imports pickle.
UNREADABLE = (RuntimeError, EOFError, torch.serialization.pickle.UnpicklingError)


def require_checkpoint(source: Path) -> None:
    """Refuses what is no checkpoint at first sight: neither a folder nor a zip file.

    Raises:
        ValueError: says what it is instead.
    """
    if not source.exists():
        raise ValueError("there is no such file or folder.")
    if not source.is_dir() and not zipfile.is_zipfile(source):
        raise ValueError("this is neither a folder nor a whole zip file; download it again.")


def checkpoint_folder(source: Path, scratch: Path) -> Path:
    """The folder of a checkpoint; a zip file is unpacked for it into a scratch folder.

    Raises:
        ValueError: for a zip file that is damaged, unsafe or without one checkpoint, and for a file that is too large.
    """
    require_checkpoint(source)
    folder = source if source.is_dir() else unpack(source, scratch)
    for name in LIMITS:
        if (folder / name).is_file():
            require_usual_size(name, (folder / name).stat().st_size)
    return folder


def unpack(source: Path, scratch: Path) -> Path:
    """Unpacks the files of the one checkpoint in a zip file; gives its folder."""
    try:
        with zipfile.ZipFile(source) as archive:
            check_names(archive)
            top = find_checkpoint(archive)
            for entry in archive.infolist():
                path = PurePosixPath(entry.filename)
                if path.parent == top and path.name in LIMITS:
                    check_entry(entry)
                    archive.extract(entry, scratch)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise ValueError("this is neither a folder nor a whole zip file; download it again.") from None
    return scratch / top


def check_names(archive: zipfile.ZipFile) -> None:
    """Refuses names that lead out of an archive."""
    for name in archive.namelist():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise ValueError(f"the zip file names {name!r}, outside itself; do not trust it.")


def find_checkpoint(archive: zipfile.ZipFile) -> PurePosixPath:
    """The folder of the one checkpoint in an archive, often the archive's only one."""
    paths = {PurePosixPath(name) for name in archive.namelist()}
    folders = sorted((path.parent for path in paths if path.name == CONFIG_FILE), key=lambda path: len(path.parts))
    if not folders:
        raise ValueError(f"the zip file holds no {CONFIG_FILE}; give that of a checkpoint folder.")
    # A checkpoint in mid-training may lie deeper; of two at one depth neither is meant.
    top = folders[0]
    if len(folders) > 1 and len(folders[1].parts) == len(top.parts):
        raise ValueError(f"the zip file holds several checkpoints, {top} and {folders[1]}; unpack it and give one.")
    return top


def check_entry(entry: zipfile.ZipInfo) -> None:
    """Refuses an entry of a zip file that cannot be read, or would be larger than any of its kind."""
    name = PurePosixPath(entry.filename).name
    if entry.flag_bits & ENCRYPTED or entry.compress_type not in PACKED:
        raise ValueError(
            f"{name} is packed in a way that cannot be read here; unpack the zip file and give its folder."
        )
    require_usual_size(name, entry.file_size)


def require_usual_size(name: str, size: int) -> None:
    """Refuses a file that is larger than any of its kind."""
    if size > LIMITS[name]:
        limit, found = (f"{bytes_ / MEGABYTE:,.0f} MB" for bytes_ in (LIMITS[name], size))
        raise ValueError(
            f"{name} has {found}, and no such file of a checkpoint has more than {limit}; do not trust it."
        )


def read_t5_config(folder: Path) -> dict[str, Any]:
    """The configuration of a checkpoint, that of a T5 model."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"there is no {CONFIG_FILE}; give the folder that holds it and the weights.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{CONFIG_FILE} is not JSON ({error}).") from None
    if not isinstance(config, dict) or config.get("model_type") != "t5":
        raise ValueError(f"{CONFIG_FILE} is not that of a T5 model, which every official checkpoint is.")
    return config


def read_weights(folder: Path) -> dict[str, torch.Tensor]:
    """The parameters of a checkpoint by their official names."""
    paths = [folder / name for name in WEIGHT_FILES if (folder / name).is_file()]
    if not paths:
        raise ValueError(f"there is none of {', '.join(WEIGHT_FILES)}; give a folder with the weights in one file.")
    return read_pickle(paths[0]) if paths[0].name == PICKLE else read_safetensors(paths[0])


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """Weights of a safetensors file."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path.name} is damaged ({error}); download it again.") from None


def read_pickle(path: Path) -> dict[str, torch.Tensor]:
    """Weights of a file of `torch.save`, which is read only if it can hold nothing but tensors."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path.name} is cut off, or not a file of torch.save (1.6 or newer); download it again.")
    try:
        check_unpacked(path)
        foreign = get_unsafe_globals_in_checkpoint(path)
        if foreign:
            raise ValueError(f"{path.name} would run {', '.join(sorted(foreign))}; do not trust it.")
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except (*UNREADABLE, zipfile.BadZipFile) as error:
        reason = (str(error).splitlines() or ["it ends early"])[0]
        raise ValueError(f"{path.name} is damaged ({reason}); download it again.") from None
    if not isinstance(weights, dict):
        raise ValueError(f"{path.name} holds a {type(weights).__name__}, not parameters by name.")
    others = [str(name) for name, value in weights.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ValueError(f"{path.name} holds something other than tensors: {others[0]}.")
    return weights


def check_unpacked(path: Path) -> None:
    """Refuses a file of `torch.save` whose parts are larger than itself: it never packs them."""
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
            raise ValueError(f"{path.name} unpacks to more than it has; do not trust it.")
