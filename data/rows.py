"""Rows as their source has them, and what is wrong with them."""

import math
import reprlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


# How messages quote values.
SHORT = reprlib.Repr()
SHORT.maxlevel = 2
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 80


class RowError(ValueError):
    """A row that cannot be used.

    Args:
        source: its file or data set.
        row: line of a text file, id of a ScienceQA problem, or else the position from 0.
        field: the column at fault, or `None` for the row as a whole.
        reason: what is wrong and what to do.
        image: the file that would have to change.
    """

    def __init__(self, source: str, row: int | str, field: str | None, reason: str, image: str | None = None):
        source = readable(source)
        row = readable(row) if isinstance(row, str) else row
        reason = readable(reason)
        place = f"{source}, row {row}"
        super().__init__(f"{place}: {field} {reason}" if field else f"{place} {reason}")
        self.entry = {"source": source, "row": row, "field": field, "reason": reason}
        self.image = image


@dataclass
class RawRow:
    """A row before any check.

    Args:
        source, row: as in [`RowError`].
        position: from 0 in its source; the id of a row that has none.
        values: what the row says, by column.
        split: which split it belongs to, by any of its names; `None` where the row itself says so.
        folder: where relative image paths start.
    """

    source: str
    row: int | str
    position: int
    values: dict[str, Any]
    split: str | None
    folder: Path

    @property
    def id(self) -> str:
        """The row's own id or else its position."""
        return self.text("id") or str(self.position)

    def text(self, name: str) -> str:
        """A column as text; a missing one is empty.

        Raises:
            RowError: for a list and the like.
        """
        value = self.values.get(name)
        if is_missing(value):
            return ""
        if not is_scalar(value):
            raise self.error(name, f"is a {type(value).__name__}; write a text.")
        return str(value)

    def error(self, field: str, reason: str, image: str | None = None) -> RowError:
        """What is wrong with this row."""
        return RowError(self.source, self.row, field, reason, image)


def is_missing(value: Any) -> bool:
    """Whether a cell is empty."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def is_scalar(value: Any) -> bool:
    """Whether a cell can be said as one text."""
    return not isinstance(value, (list, tuple, dict, bytes))


def shorten(value: Any) -> str:
    """A value as a message quotes it: not more than its beginning, however large or nested it is."""
    return SHORT.repr(value)


def readable(text: str) -> str:
    """A text that any terminal and any file can take: what cannot be printed is spelled out."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)
