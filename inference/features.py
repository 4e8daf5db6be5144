"""Features of a frozen vision tower: computed once per distinct picture, kept on disk, shared by all runs."""

import hashlib
import json
import os
import secrets
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import datasets
import pyarrow
import torch
from huggingface_hub import cached_assets_path
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.nn.utils.rnn import pad_sequence
from tqdm.auto import tqdm

from ..data.image_column import as_list
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from .processes import is_main, wait_for_all, world


T = TypeVar("T")
U = TypeVar("U")

# Column that stands for `image` where features are cached: the content hashes of a row's pictures.
IMAGE_HASHES = "image_hashes"
# Pictures per file: what a kill loses, beside the batches that are on their way.
SHARD_SIZE = 256
# Threads that read pictures ahead of the tower. Decoding and resizing leave the interpreter to others meanwhile.
READERS = min(8, os.cpu_count() or 1)
# What a configuration says of its origin, not of what the tower or the image processor does; weights tell their dtype.
ORIGIN = {"_name_or_path", "architectures", "dtype", "processor_class", "transformers_version"}


class FeatureCache:
    """Vision features by the content hash of a picture's file, in a folder of safetensors files.

    Each tower and image processor has a folder of its own, so that nothing stale is ever read. Features are mapped
    into memory, not loaded. A pickled copy, as in a worker of a data loader, reads but does not compute.

    ```python
    cache = FeatureCache.open(model, processor)
    cache.fill(dataset)
    model(**cache.inputs(image_hashes(dataset)[:8]), **texts)
    ```

    Args:
        folder: of one tower and image processor, see [`FeatureCache.open`].
        model: owns the tower; without it and the processor the cache only reads.
        processor: turns pictures into what the tower reads.
    """

    def __init__(
        self,
        folder: Path,
        model: MMCoTForConditionalGeneration | None = None,
        processor: MMCoTProcessor | None = None,
    ):
        self.folder, self.model, self.processor = folder, model, processor
        self.index: dict[str, Path] = {}  # content hash -> the file that has its features
        self.refresh()

    @classmethod
    def open(
        cls, model: MMCoTForConditionalGeneration, processor: MMCoTProcessor, folder: Path | None = None
    ) -> "FeatureCache":
        """The cache of a model's tower, which both stages and later runs share.

        Args:
            folder: where caches live; by default the assets of the Hugging Face cache (`HF_HOME`).

        Raises:
            ValueError: for a model without vision tower, or with one that is trained.
        """
        if model.vision_tower is None:
            raise ValueError("The model has no vision tower to compute features with; give it a vision_config.")
        if not model.config.freeze_vision:
            raise ValueError("freeze_vision is false: features change with training. Set it to true to cache them.")
        key = tower_key(model, processor)
        return cls(cached_assets_path("mmcot", "features", key, assets_dir=folder), model, processor)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "model": None, "processor": None}

    def __contains__(self, name: str) -> bool:
        return name in self.index

    def __getitem__(self, name: str) -> torch.Tensor:
        """Features `(patches, image_feature_size)` of the picture with this content hash."""
        return open_shard(self.index[name]).get_tensor(name)

    def inputs(self, rows: Sequence[Sequence[str]]) -> dict[str, torch.Tensor]:
        """The model's picture inputs for a batch.

        Args:
            rows: content hashes of each question's pictures, from [`image_hashes`].

        Returns:
            `image_features (batch, patches, image_feature_size)`, the patches of a question's pictures end to end,
            and `image_attention_mask (batch, patches)`; nothing where no question has a picture.
        """
        pictures = [[self[name] for name in row] for row in rows]
        first = next((row[0] for row in pictures if row), None)
        if first is None:
            return {}
        features = [torch.cat([first[:0], *row]) for row in pictures]  # (patches, f) each, patches may be 0
        masks = [torch.ones(len(patches), dtype=torch.long) for patches in features]
        return {
            "image_features": pad_sequence(features, batch_first=True),
            "image_attention_mask": pad_sequence(masks, batch_first=True),
        }

    def refresh(self) -> None:
        """Takes in what other processes have computed meanwhile; a file that was cut off counts as absent."""
        known = set(self.index.values())
        for path in sorted(set(self.folder.glob("*.safetensors")) - known):
            try:
                self.index.update(dict.fromkeys(open_shard(path).keys(), path))
            except SafetensorError:
                continue

    def fill(self, dataset: datasets.Dataset, batch_size: int = 32, progress: bool = True) -> int:
        """Computes what is missing of a data set's pictures; of several processes each computes a share.

        Args:
            dataset: with pictures in the column `image`, one or a list per row.
            batch_size: pictures the tower reads at once.
            progress: show a progress bar.

        Returns:
            How many pictures this process computed.

        Raises:
            ValueError: for a picture that cannot be read; the message names its row.
        """
        self.refresh()
        rank, processes = world()
        missing = self._missing(dataset)
        # By content: the shares fit together whatever each process has already found on disk.
        share = {name: place for name, place in missing.items() if int(name, 16) % processes == rank}
        self._compute(dataset, share, batch_size, progress)
        wait_for_all()
        self.refresh()
        # The others' shares, where processes have no disk in common.
        rest = {name: place for name, place in missing.items() if name not in self}
        self._compute(dataset, rest, batch_size, progress)
        return len(share) + len(rest)

    def _missing(self, dataset: datasets.Dataset) -> dict[str, tuple[int, int]]:
        """Pictures without features, each with the row and the position in it where it comes first."""
        places = {}
        for row, names in enumerate(image_hashes(dataset)):
            for position, name in enumerate(names):
                if name not in self:
                    places.setdefault(name, (row, position))
        return places

    @torch.inference_mode()
    def _compute(
        self, dataset: datasets.Dataset, places: dict[str, tuple[int, int]], batch_size: int, progress: bool
    ) -> None:
        if not places:
            return
        column, names, device = arrow_column(dataset), list(places), self.model.device
        batches = (names[start : start + batch_size] for start in range(0, len(names), batch_size))
        bar = tqdm(total=len(names), desc="picture features", unit="picture", disable=not (progress and is_main()))
        with bar, ShardWriter(self.folder) as writer:
            for groups in ahead(lambda batch: self._read(column, places, batch), batches):
                for group, pixels in groups:
                    writer.add(group, self.model.get_image_features(pixels.to(device, non_blocking=True)))
                    bar.update(len(group))
        self.refresh()

    def _read(
        self, column: datasets.Dataset, places: dict[str, tuple[int, int]], names: Sequence[str]
    ) -> list[tuple[list[str], torch.Tensor]]:
        """Pictures as `pixel_values (pictures, 3, height, width)`, a tensor for each size that the tower reads.

        Each picture is prepared alone: some image processors keep proportions and pad to the largest of a batch.
        """
        groups = defaultdict(dict)
        for name in names:
            row, position = places[name]
            picture = decode(images_of(column[row])[0][position], row)
            pixels = without_padding(self.processor.encode_images([picture]))  # (1, 3, height, width)
            groups[pixels.shape][name] = pixels
        stacked = [(list(group), torch.cat(list(group.values()))) for group in groups.values()]
        if self.model.device.type == "cuda":  # pinned memory is copied beside the tower's work
            stacked = [(group, pixels.pin_memory()) for group, pixels in stacked]
        return stacked


class ShardWriter:
    """Writes features to files of `SHARD_SIZE` pictures, on a thread of its own, while the tower goes on.

    What was added is written even if the block ends in an error.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.shard: dict[str, torch.Tensor] = {}
        self.thread = ThreadPoolExecutor(1)
        self.last = self.thread.submit(int)

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_) -> None:
        with self.thread:
            self.last.result()
        self._write()

    def add(self, names: Sequence[str], features: torch.Tensor) -> None:
        """Takes `features (pictures, patches, f)`; waits where writing is a whole batch behind."""
        self.last.result()
        self.last = self.thread.submit(self._add, names, features)

    def _add(self, names: Sequence[str], features: torch.Tensor) -> None:
        self.shard.update(zip(names, features.cpu().contiguous(), strict=True))
        if len(self.shard) >= SHARD_SIZE:
            self._write()

    def _write(self) -> None:
        """A file that appears under its name at once or not at all."""
        if self.shard:
            path = self.folder / f"{len(list(self.folder.iterdir())):04d}-{secrets.token_hex(4)}.safetensors"
            save_file(self.shard, path.with_suffix(".partial"))
            os.replace(path.with_suffix(".partial"), path)
            self.shard = {}


def tower_key(model: MMCoTForConditionalGeneration, processor: MMCoTProcessor) -> str:
    """What the features of a picture depend on, as one hash: tower, weights, image processor and its results."""
    tower, image_processor = model.vision_tower, processor.image_processor
    digest = hashlib.sha256()
    for settings in (tower.config, image_processor):
        kept = json.loads(settings.to_json_string(), object_hook=without_origin)
        digest.update(json.dumps(kept, sort_keys=True).encode())
    # Settings do not tell how a version of this package or its libraries turns pictures into pixels; results do.
    for tensor in processor.encode_images([probe_images()]).values():
        digest.update(raw_bytes(tensor))
    for name, tensor in sorted(tower.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(raw_bytes(tensor))
    return digest.hexdigest()


def without_padding(encoded: dict[str, torch.Tensor]) -> torch.Tensor:
    """The `pixel_values` of one picture at its own size: some image processors pad even one."""
    if "image_sizes" not in encoded:
        return encoded["pixel_values"]
    height, width = encoded["image_sizes"][0, 0].tolist()
    return encoded["pixel_values"][..., :height, :width]


def without_origin(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that change nothing."""
    return {name: value for name, value in settings.items() if name not in ORIGIN}


def probe_images() -> list[Image.Image]:
    """Small pictures of the kinds whose way to RGB is a matter of choice: grey, palette, 16 bit, transparent."""
    grey = Image.linear_gradient("L")
    transparent = [Image.merge("LA", [grey] * 2), Image.merge("RGBA", [grey] * 4)]
    return [grey, grey.convert("P"), grey.convert("I;16"), *transparent]


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """The memory of a tensor, row by row."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data


def open_caches(
    models: Mapping[str, MMCoTForConditionalGeneration], processor: MMCoTProcessor
) -> dict[str, FeatureCache]:
    """The cache of each stage's tower; none where the towers are trained, or there are none."""
    frozen = {stage: model.vision_tower is not None and model.config.freeze_vision for stage, model in models.items()}
    return {stage: FeatureCache.open(models[stage], processor) for stage in models} if all(frozen.values()) else {}


def replace_images_by_hashes(dataset: datasets.Dataset) -> datasets.Dataset:
    """The data set with the content hashes of its pictures in their place."""
    names = image_hashes(dataset)
    others = [name for name in dataset.column_names if name not in ("image", IMAGE_HASHES)]
    feature = datasets.List(datasets.Value("string"))
    return dataset.select_columns(others).add_column(IMAGE_HASHES, names, feature=feature)


def image_hashes(dataset: datasets.Dataset) -> list[list[str]]:
    """Content hashes of each row's pictures, in order; an empty list for a row without."""
    if "image" not in dataset.column_names:
        return [[] for _ in range(len(dataset))]
    tables = arrow_column(dataset).iter(batch_size=64)
    return [[content_hash(stored) for stored in row] for table in tables for row in images_of(table)]


def arrow_column(dataset: datasets.Dataset) -> datasets.Dataset:
    """The picture column as it is stored: nothing is decoded, nothing copied."""
    return dataset.select_columns("image").with_format("arrow")


def images_of(table: pyarrow.Table) -> list[list[dict[str, Any]]]:
    """Stored pictures `{"bytes", "path"}` of each row, none where the row has none."""
    return [as_list(entry) for entry in table["image"].to_pylist()]


def content_hash(stored: dict[str, Any]) -> str:
    """SHA-256 of a picture's file, whether its bytes or its path is stored."""
    content = Path(stored["path"]).read_bytes() if stored["bytes"] is None else stored["bytes"]
    return hashlib.sha256(content).hexdigest()


def decode(stored: dict[str, Any], row: int) -> Image.Image:
    """A stored picture, read as the data set itself reads it."""
    try:
        return datasets.Image().decode_example(stored)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"The picture of row {row} cannot be read ({error}); replace it or leave it out.") from error


@cache
def open_shard(path: Path) -> safe_open:
    """A file of features, mapped into memory once per process."""
    return safe_open(path, framework="pt")


def ahead(function: Callable[[T], U], items: Iterable[T]) -> Iterator[U]:
    """`map`, computed on `READERS` threads that stay a few items ahead."""
    with ThreadPoolExecutor(READERS) as readers:
        waiting: deque[Future[U]] = deque()
        for item in items:
            waiting.append(readers.submit(function, item))
            if len(waiting) > READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
