"""From raw rows to checked examples: the same path for every source."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Any

from tqdm.auto import tqdm

from ..configuration import DataArguments
from .examples import make_example, repeat_for_rationales
from .images import check_image, find_images
from .reader import Reader
from .rows import RawRow, RowError
from .splits import TRAIN
from .survey import Survey


# Rows that are checked together and become one piece of an Arrow file.
BATCH = 100

Example = dict[str, Any]


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
            if isinstance(row, RowError):
                raise row
            if isinstance(result, RowError):
                raise result
            assert row.split is not None  # the reader has seen to it
            every = arguments.rationales == "all" or (arguments.rationales is None and row.split == TRAIN)
            examples = repeat_for_rationales(result, every)
            check_ids(row, row.split, examples, seen)
        except RowError as error:
            if arguments.on_error == "raise":
                raise
            skipped.append(error)
        else:
            good.setdefault(row.split, []).extend(examples)
    return good


def check_ids(row: RawRow, split: str, examples: Sequence[Example], seen: set[tuple[str, str]]) -> None:
    """Takes note of the ids of a row's examples.

    Raises:
        RowError: where an earlier row of the split has one of them.
    """
    ids = {(split, example["id"]) for example in examples}
    for _, name in sorted(ids & seen):
        raise row.error("id", f"{name!r} is that of an earlier row of {split}; give each row its own.")
    seen |= ids
