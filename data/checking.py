"""From raw rows to checked examples: the same path for every source."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any

from tqdm.auto import tqdm

from ..configuration import DataArguments
from .examples import ADDED_COLUMNS, CAPTION, COLUMNS, make_example, repeat_for_rationales
from .images import check_image, find_images, list_images
from .rows import HALF_CHARACTER, RawRow, RowError, is_scalar, shorten
from .source import Source
from .splits import LONGEST_SPLIT, SPLIT_NAME, TRAIN, name_split


# Rows that are checked together and become one piece of an Arrow file.
BATCH = 100

Example = dict[str, Any]


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
            row.split = name_split(row.split)
            if not SPLIT_NAME.fullmatch(row.split) or len(row.split) > LONGEST_SPLIT:
                raise row.error("split", f"is {shorten(row.split)}; write one word, such as test.")
            if self.captions is not None:
                self.add_caption(row)
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
                f"data.columns would give two columns of {self.source.name} one name ({', '.join(ours)}); "
                f"its columns are {', '.join(values)}: rename the one that is not meant to something else."
            )
        return renamed

    def add_caption(self, row: RawRow) -> None:
        """A row's caption from the file of captions."""
        if CAPTION in row.values:
            raise ValueError(f"{self.source.name} has a column caption; leave out data.captions or rename the column.")
        row.values[CAPTION] = self.captions.get(row.id, "")


@dataclass
class Survey:
    """What a first, quick reading says about all rows together; the schema depends on it.

    Args:
        rows: how many there are, bad ones included.
        texts, others: columns with texts or numbers, and those that hold anything else. The caption, which the model
            reads, must be a text.
        several_images: whether a row has more than one.
        captioned: whether a row has a caption.
    """

    rows: int = 0
    texts: set[str] = field(default_factory=set)
    others: set[str] = field(default_factory=set)
    several_images: bool = False
    captioned: bool = False

    def add(self, row: RawRow) -> None:
        """Takes note of a row."""
        for name, value in row.values.items():
            (self.texts if is_scalar(value) or name == CAPTION else self.others).add(name)
        self.several_images |= len(list_images(row)) > 1
        self.captioned |= bool(row.values.get(CAPTION))

    @property
    def further(self) -> list[str]:
        """The columns beyond the schema's that go along as texts: those whose name is a text, too."""
        names = self.texts - self.others - {*COLUMNS, "split"}
        return sorted(name for name in names if name and "\0" not in name and not HALF_CHARACTER.search(name))


def take_survey(reader: Reader) -> Survey:
    """Reads all rows once.

    Raises:
        ValueError: where there are none, and where a rename or the captions belong to none of them.
    """
    survey = Survey()
    for row in reader.rows():
        survey.rows += 1
        if isinstance(row, RawRow):
            survey.add(row)
    name = reader.source.name
    if not survey.rows:
        raise ValueError(f"{name} is empty: it holds no rows.")
    for column in survey.further:
        if column in ADDED_COLUMNS:
            raise ValueError(
                f"{name} has a column {column!r}, which is a name that this package gives; rename it, on the command "
                f"line with --columns {column}=my_{column}, in a recipe with data.columns."
            )
    absent = [column for column in reader.columns if column not in reader.names]
    if absent:
        columns = ", ".join(sorted(reader.names))
        raise ValueError(f"data.columns renames {absent[0]!r}, which {name} does not have; its columns are {columns}.")
    if reader.captions is not None and not survey.captioned:
        raise ValueError(f"data.captions: no id of its captions is one of {name}.")
    return survey


def check_rows(
    reader: Reader, survey: Survey, arguments: DataArguments, skipped: list[RowError]
) -> Iterator[dict[str, list[Example]]]:
    """Checks all rows and decodes every image once.

    Args:
        skipped: gets the bad rows, where `arguments` say to skip them.

    Yields:
        Examples by split, some at a time.

    Raises:
        RowError: for the first bad row, where `arguments` say to stop.
    """
    seen: set[tuple[str, str]] = set()
    rows = reader.rows()
    bar = tqdm(total=survey.rows, desc="Checking rows", unit="row", leave=False, disable=None)
    with bar, ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(islice(rows, BATCH)):
            results = list(pool.map(partial(check_row, survey=survey), batch))
            yield sort_out(batch, results, seen, arguments, skipped)
            bar.update(len(batch))


def check_row(row: RawRow | RowError, survey: Survey) -> Example | RowError:
    """The example of a row, its images as `datasets` stores them, or what is wrong with it."""
    if isinstance(row, RowError):
        return row
    try:
        example = make_example(row, survey.further)
        images = find_images(row)
        for image in images:
            check_image(row, image)
    except RowError as error:
        return error
    if not images:
        return example | {"image": None}
    return example | {"image": images if survey.several_images else images[0]}


def sort_out(
    batch: Sequence[RawRow | RowError],
    results: Sequence[Example | RowError],
    seen: set[tuple[str, str]],
    arguments: DataArguments,
    skipped: list[RowError],
) -> dict[str, list[Example]]:
    """Good examples by split, in order; `seen` gets their splits and ids."""
    good: dict[str, list[Example]] = {}
    for row, result in zip(batch, results, strict=True):
        try:
            if isinstance(result, RowError):
                raise result
            every = arguments.rationales == "all" or (arguments.rationales is None and row.split == TRAIN)
            examples = repeat_for_rationales(result, every)
            check_ids(row, examples, seen)
        except RowError as error:
            if arguments.on_error == "raise":
                raise
            skipped.append(error)
        else:
            good.setdefault(row.split, []).extend(examples)
    return good


def check_ids(row: RawRow, examples: Sequence[Example], seen: set[tuple[str, str]]) -> None:
    """Takes note of the ids of a row's examples.

    Raises:
        RowError: where an earlier row of the split has one of them.
    """
    ids = {(row.split, example["id"]) for example in examples}
    for _, name in sorted(ids & seen):
        raise row.error("id", f"{name!r} is that of an earlier row of {row.split}; give each row its own.")
    seen |= ids
