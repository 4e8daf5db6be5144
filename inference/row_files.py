"""JSON-lines files that grow row by row and survive a killed process."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from tqdm.auto import tqdm


Row = dict[str, Any]

# Batches written together before they are kept; a kill loses at most so many.
BATCHES_PER_CHUNK = 4


def complete_rows(
    path: Path,
    dataset: datasets.Dataset,
    make_rows: Callable[[datasets.Dataset], Sequence[Row]],
    chunk_size: int,
    label: str,
) -> list[Row]:
    """A file's rows, one for each row of a data set: those already there are kept, the rest is made and appended.

    Args:
        path: JSON-lines file. A last line that was cut off is made again.
        dataset: has the column `id`, which the rows have, too.
        make_rows: makes the rows of a part of the data set.
        chunk_size: rows made and written together, so many may be lost by a kill.
        label: what the progress bar says.

    Raises:
        ValueError: if the file holds rows of other problems.
    """
    is_main = PartialState().is_main_process
    (rows,) = broadcast_object_list([keep_whole_lines(path) if is_main else None])
    ids = dataset["id"][: len(rows)]
    if [row["id"] for row in rows] != list(ids):
        raise ValueError(f"{path} holds rows of other problems than this data set; remove it or name another file.")
    with tqdm(total=len(dataset), initial=len(rows), desc=label, unit="row", disable=None if is_main else True) as bar:
        while len(rows) < len(dataset):
            positions = range(len(rows), min(len(rows) + chunk_size, len(dataset)))
            made = make_rows(dataset.select(positions))
            if is_main:
                append_rows(path, made)
            rows += made
            bar.update(len(made))
    return rows


def keep_whole_lines(path: Path) -> list[Row]:
    """The rows of a file, which loses a line that was cut off."""
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        path.write_bytes(whole)
    return read_rows(path)


def append_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows to a file."""
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_rows(path: Path) -> list[Row]:
    """All rows of a file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
