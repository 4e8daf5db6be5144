"""JSON-lines files that grow row by row and survive a killed process."""

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from accelerate.utils import broadcast_object_list
from tqdm.auto import tqdm

from ..configuration.plain_files import replace_text
from .bars import bar_is_hidden
from .disk import full_disk_named


Row = dict[str, Any]

# Batches written together before they are kept; a kill loses at most so many.
BATCHES_PER_CHUNK = 4


def complete_rows(
    path: Path,
    dataset: datasets.Dataset,
    make_rows: Callable[[datasets.Dataset], Sequence[Row]],
    chunk_size: int,
    label: str,
    text: str,
    enough: Callable[[int], bool] = lambda done: False,
) -> list[Row]:
    """A file's rows, one for each row of a data set: those already there are kept, the rest is made and appended.

    Args:
        path: JSON-lines file. From the first line on that is cut off or damaged, rows are made again.
        dataset: has the column `id`, which the rows have, too.
        make_rows: makes the rows of a part of the data set.
        chunk_size: rows made and written together, so many may be lost by a kill.
        label: what the progress bar says.
        text: a field of the rows that is always a text.
        enough: whether so many rows will do, asked before each chunk; every process must answer alike.

    Raises:
        ValueError: if the file holds rows of other problems.
        OSError: if it cannot be written.
    """
    is_main = PartialState().is_main_process
    (rows,) = broadcast_object_list([rows_so_far(path, dataset, text) if is_main else None])
    with tqdm(total=len(dataset), initial=len(rows), desc=label, unit="row", disable=bar_is_hidden()) as bar:
        while len(rows) < len(dataset) and not enough(len(rows)):
            positions = range(len(rows), min(len(rows) + chunk_size, len(dataset)))
            made = make_rows(dataset.select(positions))
            if is_main:
                append_rows(path, made)
            rows += made
            bar.update(len(made))
    return rows


def stream_rows(
    path: Path,
    dataset: datasets.Dataset,
    make_rows: Callable[[datasets.Dataset], Iterable[Row]],
    label: str,
    text: str,
) -> list[Row]:
    """The same with rows that come one by one, in order, from one process: each is kept as soon as it is there.

    See [`complete_rows`] for the arguments and what is raised.
    """
    rows = rows_so_far(path, dataset, text)
    with tqdm(total=len(dataset), initial=len(rows), desc=label, unit="row", disable=bar_is_hidden()) as bar:
        for row in make_rows(dataset.select(range(len(rows), len(dataset)))):
            append_rows(path, [row])
            rows.append(row)
            bar.update()
    return rows


def rows_so_far(path: Path, dataset: datasets.Dataset, text: str) -> list[Row]:
    """The rows that a file has for a data set; see [`complete_rows`]."""
    rows = keep_whole_rows(path, text)
    if [row["id"] for row in rows] != list(dataset["id"][: len(rows)]):
        raise ValueError(f"{path} holds rows of other problems than this data set; remove it or name another file.")
    return rows


def keep_whole_rows(path: Path, text: str) -> list[Row]:
    """The rows of a file, which loses all from the first damaged one on; see [`complete_rows`]."""
    if not path.exists():
        return []
    content, rows, end = path.read_bytes(), [], 0
    for line in content.splitlines(keepends=True):
        row = whole_row(line, text)
        if row is None:
            break
        rows.append(row)
        end += len(line)
    if end < len(content):
        os.truncate(path, end)
    return rows


def whole_row(line: bytes, text: str) -> Row | None:
    """The row on a line with its end, or `None` where something is missing."""
    try:
        row = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    whole = isinstance(row, dict) and isinstance(row.get("id"), str) and isinstance(row.get(text), str)
    return row if whole else None


def append_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows to a file."""
    with full_disk_named(path.parent), path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.writelines(row_lines(rows))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Writes a file of rows that appears whole or not at all."""
    replace_text(path, "".join(row_lines(rows)))


def row_lines(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each row as a line of its own."""
    return [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]


def read_rows(path: Path) -> list[Row]:
    """All rows of a file."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
