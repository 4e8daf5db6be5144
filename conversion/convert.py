"""Checkpoints of the official implementation, as they were published, become a repository of this package.

mmcot convert mm-cot-large-rationale.zip converted --answer mm-cot-large-answer.zip \
  --vision-model google/vit-large-patch32-384
"""

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch.serialization import get_unsafe_globals_in_checkpoint
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BaseImageProcessor,
    CLIPImageProcessorPil,
    DetrImageProcessorPil,
    PreTrainedModel,
    ViTImageProcessorPil,
)
from transformers.image_utils import PILImageResampling

from ..hub_card.converted import write_converted_card
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import ANSWER, RATIONALE, ROOT_FOLDER, vision_feature_size
from ..modeling_mmcot.modeling_mmcot import load_vision_tower
from .official import convert_official


CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "weights.safetensors", "pytorch_model.bin")
VOCABULARY = ("tokenizer.json", "spiece.model")
TOKENIZER = (*VOCABULARY, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json")
# What prepared the pictures for each extractor, by the size of its features: ViT-L/32 at 384, DETR, CLIP.
VIT = partial(ViTImageProcessorPil, size={"height": 384, "width": 384}, resample=PILImageResampling.BICUBIC)
IMAGE_PROCESSORS = {
    1024: VIT,
    256: partial(DetrImageProcessorPil, size={"shortest_edge": 224, "longest_edge": 1333}),
    2048: CLIPImageProcessorPil,
}
# What `torch.load` raises for a file that is none of its own; the last by its name there: nothing here imports pickle.
UNREADABLE = (RuntimeError, EOFError, torch.serialization.pickle.UnpicklingError)


def convert_checkpoint(
    source: str | Path,
    output: str | Path,
    answer: str | Path | None = None,
    vision_model: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Makes a repository of one official checkpoint, or of two, the models of both stages.

    Official models have no image encoder: without `vision_model` the result takes `image_features (batch, patches,
    size)` computed elsewhere.

    Args:
        source: folder, or zip file of one, with `config.json`, weights (`pytorch_model.bin` or safetensors) and
            tokenizer. It becomes the rationale model.
        output: folder that does not exist yet or is empty; it appears whole or not at all.
        answer: such a checkpoint of the answer model.
        vision_model: folder or Hub id of the image encoder that made the features of the training, to read pictures
            with; for the second release `google/vit-large-patch32-384`.
        say: told what was done.

    Raises:
        ValueError: for a checkpoint that is damaged, foreign or unsafe; the message names it and what is wrong.
    """
    output = Path(output)
    if output.exists() and any(output.iterdir()):
        raise ValueError(f"{output} is not empty; name a folder that does not exist yet.")
    output.parent.mkdir(parents=True, exist_ok=True)
    sources, stages = {RATIONALE: Path(source)}, {RATIONALE: ROOT_FOLDER}
    if answer is not None:
        sources[ANSWER], stages[ANSWER] = Path(answer), ANSWER
    tower = None if vision_model is None else load_vision_tower(vision_model)
    with TemporaryDirectory(prefix=output.name, dir=output.parent) as scratch:
        repository = Path(scratch, "repository")
        for stage, path in sources.items():
            try:
                folder = checkpoint_folder(path, Path(scratch, f"{stage}-checkpoint"))
                model = read_checkpoint(folder)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from error
            if tower is not None:
                add_vision_tower(model, tower, vision_model)
            model.config.stages = stages
            model.save_pretrained(repository / stages[stage])
            if stage == RATIONALE:
                image_processor = official_image_processor(model.config.image_feature_size, vision_model)
                save_processor(folder, image_processor, repository, say)
        names = [path.resolve().name for path in sources.values()]
        write_converted_card(
            repository, output.resolve().name, names, model.config.image_feature_size, vision_model or ""
        )
        if output.exists():
            output.rmdir()
        os.replace(repository, output)
    say(f"Converted {' and '.join(map(str, sources.values()))} into {output}.")


def add_vision_tower(model: MMCoTForConditionalGeneration, tower: PreTrainedModel, name: str) -> None:
    """Lets a converted model look at pictures itself.

    Raises:
        ValueError: for an image encoder that cannot be that of the training: its features are of another size, or it
            cannot read pictures as they were prepared for those.
    """
    size, wanted = vision_feature_size(tower.config), model.config.image_feature_size
    if size != wanted:
        raise ValueError(
            f"{name} gives {size} numbers per image patch, and the checkpoint was trained with {wanted}. "
            "Name the image encoder that made its features; for 1024 it is google/vit-large-patch32-384."
        )
    model.vision_tower, model.config.vision_config = tower, tower.config
    model.freeze_vision_tower()
    pixels = official_image_processor(wanted, name)([Image.new("RGB", (64, 64))], return_tensors="pt")["pixel_values"]
    try:
        model.get_image_features(pixels)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name} cannot read the pictures that the checkpoint was trained with: {error}") from error


def checkpoint_folder(source: Path, scratch: Path) -> Path:
    """The folder of a checkpoint; a zip file is unpacked for it into a scratch folder."""
    if not source.exists():
        raise ValueError("there is no such file or folder.")
    if source.is_dir():
        return source
    try:
        with zipfile.ZipFile(source) as archive:
            return scratch / unpack(archive, scratch)
    except (zipfile.BadZipFile, zlib.error, EOFError):
        raise ValueError("this is neither a folder nor a whole zip file; download it again.") from None


def unpack(archive: zipfile.ZipFile, target: Path) -> PurePosixPath:
    """Unpacks the files of the one checkpoint in an archive; gives its folder there, often the archive's only one."""
    paths = {PurePosixPath(name): name for name in archive.namelist()}
    for path, name in paths.items():
        if path.is_absolute() or ".." in path.parts or "\\" in name:
            raise ValueError(f"the zip file names {name!r}, outside itself; do not trust it.")
    folders = sorted((path.parent for path in paths if path.name == CONFIG), key=lambda folder: len(folder.parts))
    if not folders:
        raise ValueError(f"the zip file holds no {CONFIG}; give that of a checkpoint folder.")
    # A checkpoint in mid-training may lie deeper; of two at one depth neither is meant.
    top = folders[0]
    if len(folders) > 1 and len(folders[1].parts) == len(top.parts):
        raise ValueError(f"the zip file holds several checkpoints, {top} and {folders[1]}; unpack it and give one.")
    for path, name in paths.items():
        if path.parent == top and path.name in (CONFIG, *WEIGHTS, *TOKENIZER):
            archive.extract(name, target)
    return top


def read_checkpoint(folder: Path) -> MMCoTForConditionalGeneration:
    """The model of an official checkpoint folder."""
    config = read_official_config(folder / CONFIG)
    files = [folder / name for name in WEIGHTS if (folder / name).is_file()]
    if not files:
        raise ValueError(f"there is none of {', '.join(WEIGHTS)}; give a folder with the weights in one file.")
    read = read_safetensors if files[0].suffix == ".safetensors" else read_pickle
    return convert_official(config, read(files[0]))


def read_official_config(path: Path) -> dict:
    """A T5 configuration."""
    if not path.is_file():
        raise ValueError(f"there is no {CONFIG}; give the folder that holds it and the weights.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{CONFIG} is not JSON ({error}).") from None
    if not isinstance(config, dict) or config.get("model_type") != "t5":
        raise ValueError(f"{CONFIG} is not that of a T5 model, which every official checkpoint is.")
    return config


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
        foreign = get_unsafe_globals_in_checkpoint(path)
        if foreign:
            raise ValueError(f"{path.name} would run {', '.join(sorted(foreign))}; do not trust it.")
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except UNREADABLE as error:
        reason = (str(error).splitlines() or ["it ends early"])[0]
        raise ValueError(f"{path.name} is damaged ({reason}); download it again.") from None
    if not isinstance(weights, dict):
        raise ValueError(f"{path.name} holds a {type(weights).__name__}, not parameters by name.")
    others = [str(name) for name, value in weights.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ValueError(f"{path.name} holds something other than tensors: {others[0]}.")
    return weights


def official_image_processor(feature_size: int, vision_model: str | None) -> BaseImageProcessor:
    """What prepared the pictures of the training, known by the size of their features, or else the encoder's own."""
    if feature_size not in IMAGE_PROCESSORS and vision_model is not None:
        return AutoImageProcessor.from_pretrained(vision_model)
    return IMAGE_PROCESSORS.get(feature_size, VIT)()


def save_processor(
    folder: Path, image_processor: BaseImageProcessor, repository: Path, say: Callable[[str], None]
) -> None:
    """The processor with the checkpoint's tokenizer and the official words."""
    if not any((folder / name).is_file() for name in VOCABULARY):
        say(f"The checkpoint has neither {' nor '.join(VOCABULARY)}: the repository lacks tokenizer and processor.")
        return
    tokenizer = AutoTokenizer.from_pretrained(folder)
    MMCoTProcessor(image_processor, tokenizer, newline="official").save_pretrained(repository)
