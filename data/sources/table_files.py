"""Tables, one row for each example: JSON-lines, JSON, CSV and Parquet files."""

import csv
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..json_text import parse_json
from ..rows import RawRow, RowError, readable
from ..source import Source, file_stamp
from ..splits import TRAIN


# Characters in a cell of a CSV file, by default 131,072: more are a quotation mark that is never closed.
LONGEST_CELL = 10_000_000
# What Arrow raises, depending on the place, for data that are cut short, damaged, or of no Python type.
ARROW_ERRORS = (pa.ArrowException, OSError, ValueError, OverflowError)
# A row as its reader has it: number and content, which is an exception where it could not be read.
Numbered = tuple[int, Any]


def read_lines(path: Path) -> Iterator[Numbered]:
    """The rows of a JSON-lines file, by line."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    content = parse_json(line)
                except ValueError as error:
                    content = error
                yield number, content


def read_list(path: Path) -> Iterator[Numbered]:
    """The rows of a JSON file, which holds a list, or lines as many programs write them."""
    content = path.read_bytes()
    if not content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        yield from read_lines(path)
        return
    try:
        rows = parse_json(content)
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}; write it again.") from None
    yield from enumerate(rows)


def read_csv(path: Path) -> Iterator[Numbered]:
    """The rows of a CSV file with a line of column names, each by the line it begins on."""
    csv.field_size_limit(LONGEST_CELL)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        try:
            header = next(reader, [])
            if len(set(header)) < len(header):
                names = readable(", ".join(header))
                raise ValueError(f"{path} has two columns of one name; its columns are {names}; rename one of them.")
            line = reader.line_num + 1
            for cells in reader:
                if len(cells) > len(header):
                    yield line, ValueError(f"{len(cells)} cells under {len(header)} column names")
                elif cells:
                    yield line, dict(zip(header, cells, strict=False))  # cells may be missing at the end
                line = reader.line_num + 1
        except csv.Error as error:
            raise ValueError(f"{path}, line {reader.line_num}: {error}; is a quotation mark missing?") from None
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8; save it with that encoding.") from None


def read_parquet(path: Path) -> Iterator[Numbered]:
    """The rows of a Parquet file."""
    try:
        with pq.ParquetFile(path) as file:
            rows = (row for batch in file.iter_batches(batch_size=100) for row in batch.to_pylist())
            yield from enumerate(rows)
    except ARROW_ERRORS as error:
        raise ValueError(
            f"{path} is no Parquet file that can be read ({readable(str(error))}); write it again."
        ) from error


READERS: dict[str, Callable[[Path], Iterator[Numbered]]] = {
    ".jsonl": read_lines,
    ".json": read_list,
    ".csv": read_csv,
    ".parquet": read_parquet,
}


def is_table(path: Path) -> bool:
    """Whether this is a file of a kind that can be read."""
    return path.suffix in READERS and path.is_file()


def read_tables(files: Mapping[Path, str | None], images: Path | None) -> Iterator[RawRow | RowError]:
    """The rows of files, each with the split it is, or `None` where its rows say so."""
    for path, split in files.items():
        position = -1
        for position, (number, content) in enumerate(READERS[path.suffix](path)):
            if isinstance(content, dict):
                yield RawRow(str(path), number, position, content, split, images or path.parent)
            else:
                fault = f"cannot be read ({content})" if isinstance(content, ValueError) else "is no object"
                yield RowError(str(path), number, None, f"{fault}; write a JSON object or a row of the table.")
        if position < 0:
            raise ValueError(f"{path} is empty: it holds no rows.")


def make_source(name: Path, files: Mapping[Path, str | None], images: Path | None) -> Source:
    """The source in one file, or in one for each split.

    Args:
        name: the file or its folder.
        files: paths, each with the split it is, or `None` where its rows say so.
        images: where relative image paths start; by default the folder of the file that names them.
    """
    stamps = [file_stamp(path) for path in files]
    return Source(str(name), stamps, partial(read_tables, files, images), adapt_table_row)


def adapt_table_row(row: RawRow) -> None:
    """The split of a row, and its image where that is named as in an image folder."""
    row.split = row.split or (row.text("split") if "split" in row.values else TRAIN)
    for theirs in ("file_name", "file_names"):
        if theirs in row.values and "image" not in row.values:
            row.values["image"] = row.values.pop(theirs)
