"""Features of a frozen vision tower: computed once per distinct image, kept on disk, shared by all runs."""

import logging
import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import datasets
import torch
from accelerate import PartialState
from huggingface_hub import cached_assets_path
from safetensors import SafetensorError
from torch.nn.utils.rnn import pad_sequence
from tqdm.auto import tqdm

from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from .bars import bar_is_hidden
from .fast_matmul import fast_matmul
from .feature_files import SHARDS, ShardWriter, find_folder, find_shard_fault, open_shard, tower_name
from .feature_key import probe_features, tower_key, without_padding
from .image_hashes import decode, image_hashes, stored_column, stored_rows


T = TypeVar("T")
U = TypeVar("U")

# Threads that read images ahead of the tower. Decoding and resizing leave the interpreter to others meanwhile.
READERS = min(8, os.cpu_count() or 1)

logger = logging.getLogger(__name__)


class FeatureCache:
    """Vision features by the content hash of an image's file, in a folder of safetensors files.

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
        processor: turns images into what the tower reads.
    """

    def __init__(
        self,
        folder: Path,
        model: MMCoTForConditionalGeneration | None = None,
        processor: MMCoTProcessor | None = None,
    ):
        self.folder = folder
        self.model = model
        self.processor = processor
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
        root = cached_assets_path("mmcot", "features", tower_key(model, processor), assets_dir=folder)
        return cls(find_folder(root, probe_features(model, processor)), model, processor)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "model": None, "processor": None}

    def __contains__(self, name: str) -> bool:
        return name in self.index

    def __getitem__(self, name: str) -> torch.Tensor:
        """Features `(patches, image_feature_size)` of the image with this content hash."""
        return open_shard(self.index[name]).get_tensor(name)

    def inputs(self, rows: Sequence[Sequence[str]]) -> dict[str, torch.Tensor]:
        """The model's image inputs for a batch.

        Args:
            rows: content hashes of each question's images, from [`image_hashes`].

        Returns:
            `image_features (batch, patches, image_feature_size)`, the patches of a question's images end to end,
            and `image_attention_mask (batch, patches)`; nothing where no question has an image.
        """
        images = [[self[name] for name in row] for row in rows]
        first = next((row[0] for row in images if row), None)
        if first is None:
            return {}
        features = [torch.cat([first[:0], *row]) for row in images]  # (patches, f) each, patches may be 0
        masks = [torch.ones(len(patches), dtype=torch.long) for patches in features]
        return {
            "image_features": pad_sequence(features, batch_first=True),
            "image_attention_mask": pad_sequence(masks, batch_first=True),
        }

    def refresh(self) -> None:
        """Takes in what other processes have computed meanwhile; a file that was cut off counts as absent."""
        known = set(self.index.values())
        for path in sorted(set(self.folder.glob(SHARDS)) - known):
            try:
                self.index.update(dict.fromkeys(open_shard(path).keys(), path))
            except SafetensorError:
                continue

    def fill(self, dataset: datasets.Dataset, batch_size: int = 32, progress: bool = True) -> int:
        """Computes what is missing or damaged of a data set's images; of several processes each computes a share.

        Args:
            dataset: with images in the column `image`, one or a list per row.
            batch_size: images the tower reads at once.
            progress: show a progress bar on a terminal.

        Returns:
            How many images this process computed.

        Raises:
            ValueError: for an image that cannot be read; the message names its row.
            OSError: where the features cannot be written.
        """
        self.refresh()
        places = find_places(dataset)
        self._drop_damaged(places)
        state = PartialState()
        missing = {name: place for name, place in places.items() if name not in self}
        # By content: the shares fit together whatever each process has already found on disk.
        rank, processes = state.process_index, state.num_processes
        share = {name: place for name, place in missing.items() if int(name, 16) % processes == rank}
        self._compute(dataset, share, batch_size, progress)
        state.wait_for_everyone()
        self.refresh()
        # The others' shares, where processes have no disk in common.
        rest = {name: place for name, place in missing.items() if name not in self}
        self._compute(dataset, rest, batch_size, progress)
        return len(share) + len(rest)

    def _tools(self) -> tuple[MMCoTForConditionalGeneration, MMCoTProcessor]:
        """What features are computed with."""
        if self.model is None or self.processor is None:
            raise ValueError(f"This copy of the cache {self.folder} only reads; compute with the one that was opened.")
        return self.model, self.processor

    def _drop_damaged(self, names: Iterable[str]) -> None:
        """Removes the files that should have the features of these images but cannot be trusted."""
        size = self._tools()[0].config.image_feature_size
        for path in {self.index[name] for name in names if name in self}:
            fault = find_shard_fault(path, tower_name(self.folder), size)
            if fault is not None:
                logger.warning("Cached features are computed again: %s %s.", path, fault)
                path.unlink(missing_ok=True)
                self.index = {name: place for name, place in self.index.items() if place != path}

    @torch.inference_mode()
    def _compute(
        self, dataset: datasets.Dataset, places: dict[str, tuple[int, int]], batch_size: int, progress: bool
    ) -> None:
        if not places:
            return
        column = stored_column(dataset)
        model, _ = self._tools()
        names = list(places)
        batches = (names[start : start + batch_size] for start in range(0, len(names), batch_size))
        bar = tqdm(total=len(names), desc="picture features", unit="picture", disable=bar_is_hidden(progress))
        with bar, fast_matmul(model.device), ShardWriter(self.folder, tower_name(self.folder)) as writer:
            for groups in ahead(lambda batch: self._read(column, places, batch), batches):
                for group, pixels in groups:
                    pixels = pixels.to(model.device, non_blocking=True)
                    writer.add(group, model.get_image_features(pixels).pooler_output)
                    bar.update(len(group))
        self.refresh()

    def _read(
        self, column: datasets.Dataset, places: dict[str, tuple[int, int]], names: Sequence[str]
    ) -> list[tuple[list[str], torch.Tensor]]:
        """Images as `pixel_values (images, 3, height, width)`, a tensor for each size that the tower reads.

        Each image is prepared alone: some image processors keep proportions and pad to the largest of a batch.
        """
        model, processor = self._tools()
        groups: dict[torch.Size, dict[str, torch.Tensor]] = defaultdict(dict)
        for name in names:
            row, position = places[name]
            image = decode(stored_rows(column[row])[0][position], row)
            pixels = without_padding(processor.encode_images([image]))  # (1, 3, height, width)
            groups[pixels.shape][name] = pixels
        stacked = [(list(group), torch.cat(list(group.values()))) for group in groups.values()]
        if model.device.type == "cuda":  # pinned memory is copied beside the tower's work
            stacked = [(group, pixels.pin_memory()) for group, pixels in stacked]
        return stacked


def open_caches(
    models: Mapping[str, MMCoTForConditionalGeneration], processor: MMCoTProcessor
) -> dict[str, FeatureCache]:
    """The cache of each stage's tower; none where one of the towers is trained, or there are none."""
    towers = [stage for stage, model in models.items() if model.vision_tower is not None]
    if not all(models[stage].config.freeze_vision for stage in towers):
        return {}
    return {stage: FeatureCache.open(models[stage], processor) for stage in towers}


def find_places(dataset: datasets.Dataset) -> dict[str, tuple[int, int]]:
    """Each distinct image of a data set, with the row and the position in it where it comes first."""
    places: dict[str, tuple[int, int]] = {}
    for row, names in enumerate(image_hashes(dataset)):
        for position, name in enumerate(names):
            places.setdefault(name, (row, position))
    return places


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
