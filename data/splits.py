"""Names of splits."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path

import datasets

from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS


TRAIN = "train"
OTHER_NAMES = {"val": "validation", "valid": "validation", "dev": "validation"}
ORDER = (TRAIN, "validation", "test")
# What `datasets` takes as a name.
LONGEST_SPLIT = 100
SPLIT_NAME = re.compile(r"\w+(\.\w+)*")


def name_split(name: str) -> str:
    """Our name of a split: `val` and `dev` are `validation` everywhere."""
    return OTHER_NAMES.get(name, name)


def split_by_name(name: str) -> str | None:
    """A split that a file or folder of this name holds; `None` for other names."""
    return name if name in (*ORDER, *OTHER_NAMES) else None


def check_splits(names: Collection[str], place: str | Path) -> None:
    """Refuses a data set that has one split under two names.

    Raises:
        ValueError: where that is so.
    """
    if len({name_split(name) for name in names}) < len(names):
        raise ValueError(f"{place} has one split twice, among {', '.join(sorted(names))}; remove or rename one.")


def sort_splits(splits: Mapping[str, datasets.Dataset]) -> datasets.DatasetDict:
    """Splits in the usual order, others behind them by name."""
    names = sorted(splits, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    return datasets.DatasetDict({name: splits[name] for name in names})


def has_answers(dataset: datasets.Dataset) -> list[bool]:
    """For each example whether its right answer is known: the position of an option, or accepted texts."""
    columns = [name for name in ("answer", ACCEPTED_ANSWERS) if name in dataset.column_names]
    rows = dataset.select_columns(columns)
    return [row["answer"] is not None or bool(row.get(ACCEPTED_ANSWERS)) for row in rows]


def pick_split(splits: Mapping[str, datasets.Dataset], name: str) -> datasets.Dataset:
    """One split, by any of its names.

    Raises:
        ValueError: where there is none; the message says which there are.
    """
    if name_split(name) not in splits:
        raise ValueError(f"There is no split {name!r}; this data set has {', '.join(splits)}.")
    return splits[name_split(name)]
