"""Data sets by their spec, one word on the command line or in a recipe."""

import logging
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import datasets

from ..configuration import DataArguments
from .rows import RowError
from .sketchqa import load_sketchqa, parse_options
from .source import Source
from .sources import LAYOUTS
from .store import import_source, open_splits, read_record


SKETCHQA = "sketchqa"
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
    images, captions = absolute_path("images", arguments.images), absolute_path("captions", arguments.captions)
    return replace(arguments, images=images, captions=captions)


def absolute_path(name: str, place: str | None) -> str | None:
    """The path that a key of the section `data` gives, if any."""
    if not place:
        return place
    path = os.path.abspath(os.path.expanduser(place))
    if not os.path.exists(path):
        raise ValueError(f"data.{name} is {path}, which does not exist; correct the path.")
    return path


def find_source(spec: str, arguments: DataArguments) -> Source:
    """What a spec names.

    Raises:
        ValueError: where that is nothing.
    """
    path = Path(os.path.abspath(os.path.expanduser(spec)))
    images = Path(arguments.images) if arguments.images else None
    for layout in LAYOUTS:
        source = layout.find(spec, path, images)
        if source is not None:
            return source
    *others, last = [f"'{SKETCHQA}' or '{SKETCHQA}:train=20000,test=1000'", *(layout.example for layout in LAYOUTS)]
    missing = f"The folder {path} holds no data set" if path.is_dir() else f"There is no data set {spec!r}"
    raise ValueError(f"{missing}; use {', '.join(others)}, or {last}.")
