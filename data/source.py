"""Where rows come from, and the layouts that a data set may have there."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .rows import RawRow, RowError


@dataclass
class Source:
    """Where rows come from.

    Args:
        name: absolute path or Hub id.
        stamps: plain data that changes when the rows do.
        rows: reads them all, with a [`RowError`] in the place of what cannot be read.
        adapt: makes a row's columns ours, in place; it also says which split the row belongs to.
    """

    name: str
    stamps: list[Any]
    rows: Callable[[], Iterator[RawRow | RowError]]
    adapt: Callable[[RawRow], None]


@dataclass(frozen=True)
class Layout:
    """One way in which a data set may come.

    Args:
        example: what a user names to have it, as a message lists it.
        find: gives the source that a spec names, or `None` where it is of another layout. Takes the spec as it was
            written, as an absolute path, and the folder of the images, if the user named one.
    """

    example: str
    find: Callable[[str, Path, Path | None], Source | None]


def file_stamp(path: str | Path) -> list[Any]:
    """What changes when a file does: size in bytes and time in nanoseconds; `None` for both where there is none."""
    try:
        status = Path(path).stat()
    except OSError:
        return [str(path), None, None]
    return [str(path), status.st_size, status.st_mtime_ns]
