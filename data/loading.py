"""Data sets by their spec, one word on the command line or in a recipe."""

import logging
import os
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets

from ..configuration import DataArguments
from .rows import RowError, Source
from .sketchqa import load_sketchqa, parse_options
from .sources.scienceqa import PROBLEMS, find_scienceqa
from .sources.stored import find_on_hub, find_saved, is_saved
from .sources.tables import READERS, find_tables, is_table
from .splits import TRAIN, check_splits
from .store import import_source, open_splits, read_record


SKETCHQA = "sketchqa"
DOORS = (
    f"'{SKETCHQA}' or '{SKETCHQA}:train=20000,test=1000', a {', '.join(READERS)} file, a folder with {PROBLEMS}, "
    "with aokvqa_v1p0_train.json, with train.jsonl and test.jsonl, with metadata.csv, or written by save_to_disk, "
    "or a Hub id"
)
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
SPLIT_FILE = re.compile(r"(?:aokvqa_v1p0_)?(train|validation|valid|val|dev|test)")
DEFAULTS = DataArguments()

logger = logging.getLogger(__name__)


@dataclass
class Data:
    """An opened data set.

    Args:
        splits: examples with the columns `id, image, question, choices, answer, hint, lecture, solution`, then any
            further ones as texts. A missing `answer` or `image` is null, a missing text empty.
        skipped: for each bad row that was left out its `source`, `row`, `field` and the `reason`.
    """

    splits: datasets.DatasetDict
    skipped: list[dict[str, Any]]


def load_splits(spec: str, arguments: DataArguments = DEFAULTS) -> datasets.DatasetDict:
    """The splits of [`load_data`], with a warning where rows were left out."""
    data = load_data(spec, arguments)
    if data.skipped:
        first = RowError(**data.skipped[0])
        logger.warning("Bad rows of %s that were left out: %d. The first: %s", spec, len(data.skipped), first)
    return data.splits


def load_data(spec: str, arguments: DataArguments = DEFAULTS) -> Data:
    """Opens a data set. What is not built in is checked the first time, every picture included, and kept on the disk.

    Args:
        spec: `sketchqa`, or `sketchqa:` with options such as `train=20000,test=1000,seed=0`; a file, a folder or a
            Hub id.
        arguments: how its rows become examples; of no concern to `sketchqa`.

    Raises:
        ValueError: for a spec that names nothing, and for a row that cannot be used; the message says what to do.
    """
    name, _, options = spec.partition(":")
    if name == SKETCHQA:
        return Data(datasets.DatasetDict(draw_sketchqa(options)), [])
    arguments = with_absolute_paths(arguments)
    folder = import_source(find_source(spec, arguments), arguments)
    return Data(open_splits(folder), read_record(folder)["skipped"])


@lru_cache(maxsize=1)
def draw_sketchqa(options: str) -> datasets.DatasetDict:
    """SketchQA by its options. The last one stays: a quickstart asks three times for what takes seconds to draw."""
    return load_sketchqa(parse_options(options))


def with_absolute_paths(arguments: DataArguments) -> DataArguments:
    """The arguments with paths that mean the same in every working directory.

    Raises:
        ValueError: for a path that leads nowhere.
    """
    places = {"images": arguments.images, "captions": arguments.captions}
    places = {name: os.path.abspath(os.path.expanduser(place)) for name, place in places.items() if place}
    for name, place in places.items():
        if not os.path.exists(place):
            raise ValueError(f"data.{name} is {place}, which does not exist; correct the path.")
    return replace(arguments, **places)


def find_source(spec: str, arguments: DataArguments) -> Source:
    """What a spec names.

    Raises:
        ValueError: where that is nothing.
    """
    path = Path(os.path.abspath(os.path.expanduser(spec)))
    images = Path(arguments.images) if arguments.images else None
    if path.name == PROBLEMS and path.is_file():
        return find_scienceqa(path.parent, images)
    if is_table(path):
        return find_tables(path, {path: None}, images)
    if path.is_dir():
        return find_in_folder(path, images)
    if HUB_ID.fullmatch(spec) and path.suffix not in READERS and not path.exists():
        return find_on_hub(spec, images)
    raise ValueError(f"There is no data set {spec!r}; use {DOORS}.")


def find_in_folder(folder: Path, images: Path | None) -> Source:
    """The data set that a folder holds.

    Raises:
        ValueError: where it holds none.
    """
    if (folder / PROBLEMS).is_file():
        return find_scienceqa(folder, images)
    if is_saved(folder):
        return find_saved(folder, images)
    files = {path: match[1] for path in sorted(folder.iterdir()) if (match := SPLIT_FILE.fullmatch(path.stem))}
    files = {path: split for path, split in files.items() if is_table(path)} or find_metadata(folder)
    if not files:
        raise ValueError(f"The folder {folder} holds no data set; use {DOORS}.")
    check_splits([split or TRAIN for split in files.values()], folder)
    return find_tables(folder, files, images)


def find_metadata(folder: Path) -> dict[Path, str | None]:
    """The tables of an image folder, each with the split whose folder it lies in."""
    places = {folder: None} | {path: path.name for path in sorted(folder.iterdir()) if SPLIT_FILE.fullmatch(path.name)}
    return {
        path: split for place, split in places.items() for path in sorted(place.glob("metadata.*")) if is_table(path)
    }
