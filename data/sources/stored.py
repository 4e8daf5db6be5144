"""Data sets that `datasets` opens: folders written by `save_to_disk`, and the Hub."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import datasets

from ..rows import RawRow, Source
from ..splits import TRAIN, check_splits
from .tables import adapt_table_row


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def find_saved(folder: Path, images: Path | None) -> Source:
    """The source in a folder written by `save_to_disk`."""
    return wrap(str(folder), datasets.load_from_disk(str(folder)), images or folder)


def find_on_hub(name: str, images: Path | None) -> Source:
    """The source in a data set of the Hub.

    Raises:
        ValueError: where the Hub does not give one.
    """
    try:
        dataset = datasets.load_dataset(name)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"There is no folder {name} here, and no data set from the Hub: {reason}") from error
    return wrap(name, dataset, images or Path())


def wrap(name: str, dataset: datasets.Dataset | datasets.DatasetDict, images: Path) -> Source:
    """The source in an open data set; one without splits is like a table."""
    parts = dataset if isinstance(dataset, datasets.DatasetDict) else {None: dataset}
    check_splits([split or TRAIN for split in parts], name)
    stamps = [[split, part._fingerprint] for split, part in parts.items()]
    return Source(name, stamps, partial(read_stored, name, parts, images), adapt_table_row)


def read_stored(name: str, parts: Mapping[str | None, datasets.Dataset], images: Path) -> Iterator[RawRow]:
    """All rows, pictures as they are stored, classes by their names."""
    for split, dataset in parts.items():
        classes = {key: kind for key, kind in dataset.features.items() if isinstance(kind, datasets.ClassLabel)}
        tables = dataset.with_format("arrow").iter(batch_size=100)
        for position, values in enumerate(row for table in tables for row in table.to_pylist()):
            for key, kind in classes.items():
                if values[key] is not None:
                    values[key] = kind.int2str(values[key])
            yield RawRow(f"{name} ({split})" if split else name, position, position, values, split, images)
