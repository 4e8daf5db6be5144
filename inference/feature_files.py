"""Files of cached features: written whole or not at all, and looked through before they are trusted."""

import os
import secrets
import tempfile
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from .feature_key import same_features


# Images per file: what a kill loses, beside the batches that are on their way.
SHARD_SIZE = 256
# Names of shards begin with a digit; other files of a cache do not.
SHARDS = "[0-9]*.safetensors"
TOWER = "tower"  # in a file's metadata: the cache that it was written for
# What a cache's tower gives for the probe: a file, and the name in it.
PROBE_FILE = "probe.safetensors"
PROBE = "features"


def find_folder(root: Path, probe: torch.Tensor) -> Path:
    """The folder of the tower that gives this for the probe, made where there is none.

    Args:
        root: of all towers with one key, see [`tower_key`]. They differ in what code does with their weights.
        probe: what the tower gives, see [`probe_features`].
    """
    number = 0
    while True:
        folder = root / str(number)
        if not folder.is_dir():
            make_folder(folder, probe)
        known = read_features(folder / PROBE_FILE, PROBE)
        if known is not None and same_features(known, probe):
            return folder
        number += 1


def make_folder(folder: Path, probe: torch.Tensor) -> None:
    """Makes the folder of a tower, which appears complete; another process may be first."""
    with tempfile.TemporaryDirectory(prefix="new-", dir=folder.parent) as temporary:
        made = Path(temporary, folder.name)
        made.mkdir()
        write_features(made / PROBE_FILE, {PROBE: probe}, tower_name(folder))
        try:
            os.rename(made, folder)
        except OSError:
            if not folder.is_dir():
                raise


def tower_name(folder: Path) -> str:
    """What the files of a cache are marked with: the names of its folder and of the one above."""
    return "/".join(folder.parts[-2:])


class ShardWriter:
    """Writes features to files of `SHARD_SIZE` images, on a thread of its own, while the tower goes on.

    What was added is written even if the block ends in an error.

    Args:
        folder: of the cache.
        tower: what the cache is known by.
    """

    def __init__(self, folder: Path, tower: str):
        self.folder = folder
        self.tower = tower
        self.shard: dict[str, torch.Tensor] = {}
        self.thread = ThreadPoolExecutor(1)
        self.last: Future[None] = self.thread.submit(lambda: None)

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_) -> None:
        with self.thread:
            self.last.result()
        self._write()

    def add(self, names: Sequence[str], features: torch.Tensor) -> None:
        """Takes `features (images, patches, f)`; waits where writing is a whole batch behind.

        Raises:
            ValueError: for numbers that are not finite, in an earlier batch or in the end.
            OSError: where an earlier file could not be written.
        """
        self.last.result()
        self.last = self.thread.submit(self._add, names, features)

    def _add(self, names: Sequence[str], features: torch.Tensor) -> None:
        features = features.cpu().contiguous()
        for name, tensor in zip(names, features, strict=True):
            if not tensor.isfinite().all():
                raise ValueError(
                    f"The vision tower gives numbers that are not finite for the picture with SHA-256 {name[:16]}, "
                    f"in {tensor.dtype}; load it in another precision, or leave the picture out."
                )
            self.shard[name] = tensor
        if len(self.shard) >= SHARD_SIZE:
            self._write()

    def _write(self) -> None:
        if self.shard:
            number = len(list(self.folder.iterdir()))
            write_features(self.folder / f"{number:04d}-{secrets.token_hex(4)}.safetensors", self.shard, self.tower)
            self.shard = {}


def write_features(path: Path, features: dict[str, torch.Tensor], tower: str) -> None:
    """Writes a file that appears under its name at once or not at all.

    Raises:
        OSError: where it cannot be written; the message says what to do.
    """
    partial = path.with_name(f"{path.stem}-{secrets.token_hex(4)}.partial")
    try:
        save_file(features, partial, metadata={TOWER: tower})
        os.replace(partial, path)
    except (OSError, SafetensorError) as error:
        partial.unlink(missing_ok=True)
        raise OSError(
            f"The cache of vision features {path.parent} cannot be written ({error}); make room there, or name a "
            "folder elsewhere with the variable HF_HOME."
        ) from error


def read_features(path: Path, name: str) -> torch.Tensor | None:
    """A tensor of a file; `None` where there is no such file, or none that is whole."""
    try:
        with safe_open(path, framework="pt") as file:
            return file.get_tensor(name)
    except (OSError, SafetensorError):
        return None


@cache
def open_shard(path: Path) -> safe_open:
    """A file of features, mapped into memory once per process.

    Raises:
        SafetensorError: for a file that was cut off.
    """
    return safe_open(path, framework="pt")


@cache
def find_shard_fault(path: Path, tower: str, size: int) -> str | None:
    """What makes a file unfit to be read, or `None`. Its numbers are looked through once per process.

    Args:
        tower: what its cache is known by.
        size: numbers per patch.
    """
    try:
        shard = open_shard(path)
        metadata = shard.metadata() or {}
        if metadata.get(TOWER) != tower:
            return "is of another vision tower"
        for name in shard.keys():  # noqa: SIM118, it is no dictionary
            features = shard.get_tensor(name)
            if features.ndim != 2 or features.shape[1] != size:
                return f"holds features of shape {tuple(features.shape)}, not (patches, {size})"
            if not features.isfinite().all():
                return "holds numbers that are not finite"
    except SafetensorError as error:
        return f"cannot be read ({error})"
    return None
