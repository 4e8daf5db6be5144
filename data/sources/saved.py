"""A folder written by `save_to_disk`."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from ..rows import RawRow, readable
from ..source import Layout, Source
from ..splits import TRAIN, check_splits
from .table_files import ARROW_ERRORS, adapt_table_row


# A folder with one of these is such a data set, with or without splits.
MARKS = ("dataset_dict.json", "state.json")
# What is said of one that was cut short or spoilt.
DAMAGED = "is no whole data set of save_to_disk ({error}); write it again."


def find_saved(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in such a folder."""
    if not any((path / mark).is_file() for mark in MARKS):
        return None
    try:
        dataset = datasets.load_from_disk(str(path))
    except Exception as error:  # the library does not say what a damaged folder makes it raise
        raise ValueError(f"The folder {path} {DAMAGED.format(error=readable(str(error)))}") from error
    return make_source(str(path), dataset, images or path)


def make_source(name: str, dataset: datasets.Dataset | datasets.DatasetDict, images: Path) -> Source:
    """The source in an open data set; one without splits is like a table."""
    parts = dataset if isinstance(dataset, datasets.DatasetDict) else {None: dataset}
    check_splits([split or TRAIN for split in parts], name)
    stamps = [[split, part._fingerprint] for split, part in parts.items()]
    return Source(name, stamps, partial(read_stored, name, parts, images), adapt_table_row)


def read_stored(name: str, parts: Mapping[str | None, datasets.Dataset], images: Path) -> Iterator[RawRow]:
    """All rows, images as they are stored, classes by their names.

    Raises:
        ValueError: for data that are damaged.
    """
    try:
        yield from read_parts(name, parts, images)
    except ARROW_ERRORS as error:
        raise ValueError(f"The data set {name} {DAMAGED.format(error=readable(str(error)))}") from error


def read_parts(name: str, parts: Mapping[str | None, datasets.Dataset], images: Path) -> Iterator[RawRow]:
    """See [`read_stored`]."""
    for split, dataset in parts.items():
        classes = {key: kind for key, kind in dataset.features.items() if isinstance(kind, datasets.ClassLabel)}
        tables = dataset.with_format("arrow").iter(batch_size=100)
        for position, values in enumerate(row for table in tables for row in sound_rows(table)):
            for key, kind in classes.items():
                if values[key] is not None:
                    values[key] = kind.int2str(values[key])
            yield RawRow(f"{name} ({split})" if split else name, position, position, values, split, images)


def sound_rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows of an Arrow table that may be damaged."""
    table.validate(full=True)  # otherwise a place beyond the data ends the process, or reads what lies there
    return table.to_pylist()


SAVED = Layout("a folder written by save_to_disk", find_saved)
