"""The rows of a source under our names."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .examples import CAPTION
from .rows import RawRow, RowError, readable, shorten
from .source import Source
from .splits import LONGEST_SPLIT, SPLIT_NAME, name_split


@dataclass
class Reader:
    """Reads a source's rows under our names.

    Args:
        source: where they come from.
        columns: renames, theirs to ours.
        captions: by id; `None` for none.
        names: columns found so far, by their own names.
    """

    source: Source
    columns: Mapping[str, str]
    captions: Mapping[str, str] | None = None
    names: set[str] = field(default_factory=set)

    def rows(self) -> Iterator[RawRow | RowError]:
        """All rows, renamed, adapted, captioned, and with the name of their split.

        Raises:
            ValueError: for a source that cannot be read.
        """
        try:
            for row in self.source.rows():
                yield self.complete(row) if isinstance(row, RawRow) else row
        except OSError as error:
            raise ValueError(f"{self.source.name} cannot be read ({error}); make its files readable.") from error

    def complete(self, row: RawRow) -> RawRow | RowError:
        """A row with everything that its check expects, or what stands in the way."""
        row.values = self.rename(row.values)
        try:
            self.source.adapt(row)
            row.split = name_split(row.split or "")
            if not SPLIT_NAME.fullmatch(row.split) or len(row.split) > LONGEST_SPLIT:
                raise row.error("split", f"is {shorten(row.split)}; write one word, such as test.")
            if self.captions is not None:
                self.add_caption(row, self.captions)
        except RowError as error:
            return error
        return row

    def rename(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row under our names."""
        self.names.update(values)
        renamed = {self.columns.get(name, name): value for name, value in values.items()}
        if len(renamed) < len(values):
            ours = sorted({self.columns[name] for name in self.columns if name in values})
            raise ValueError(
                f"data.columns would give two columns of {self.source.name} one name ({readable(', '.join(ours))}); "
                f"its columns are {readable(', '.join(values))}: rename the one that is not meant to something else."
            )
        return renamed

    def add_caption(self, row: RawRow, captions: Mapping[str, str]) -> None:
        """A row's caption from the file of captions."""
        if CAPTION in row.values:
            raise ValueError(f"{self.source.name} has a column caption; leave out data.captions or rename the column.")
        row.values[CAPTION] = captions.get(row.id, "")
