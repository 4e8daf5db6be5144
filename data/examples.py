"""The one schema of all data sets, and the checks that a row passes on its way there."""

from collections.abc import Iterable
from typing import Any

import datasets

from ..configuration.arguments import PROMPT_LENGTH
from ..modeling_mmcot.configuration_mmcot import STAGES
from .answers import read_answer, read_choices
from .rows import HALF_CHARACTER, RawRow, is_missing, readable


TEXT = datasets.Value("string")
# What every data set has, in this order. Further columns follow by name, each a text.
COLUMNS = ("id", "image", "question", "choices", "answer", "hint", "lecture", "solution")
# What later steps add to a data set, so that no file may have it.
IMAGE_HASHES = "image_hashes"  # instead of `image` where features are cached: the content hashes of a row's images
STAGE = "prompt_stage"  # which prompt and target to build from a row
LENGTH = PROMPT_LENGTH  # tokens of a row's prompt
CAPTION = "caption"  # the only further column that the model reads


def written_column(stage: str) -> str:
    """The column with what a stage's model wrote. Without it, later stages read the gold text."""
    return f"generated_{stage}"


READ_COLUMNS = {written_column(earlier) for stage in STAGES.values() for earlier in stage.reads}
ADDED_COLUMNS = {IMAGE_HASHES, STAGE, LENGTH} | READ_COLUMNS


def make_features(further: Iterable[str], several_images: bool) -> datasets.Features:
    """The types of all columns, the same whichever file they came from.

    Args:
        further: names of columns beyond [`COLUMNS`].
        several_images: whether `image` is a list of images.
    """
    types = dict.fromkeys(COLUMNS, TEXT) | {"choices": datasets.List(TEXT), "answer": datasets.Value("int64")}
    types["image"] = datasets.List(datasets.Image()) if several_images else datasets.Image()
    return datasets.Features(types | dict.fromkeys(sorted(further), TEXT))


def make_example(row: RawRow, further: Iterable[str]) -> dict[str, Any]:
    """Every column of an example but its images; `solution` as the list of its rationales.

    Raises:
        RowError: for a row without question, with fewer than two options, or with an answer that is none of them.
    """
    for name, missing in (
        ("question", not row.text("question").strip()),
        ("choices", is_missing(row.values.get("choices"))),
    ):
        if missing:
            known = f"; the columns are {readable(', '.join(row.values))}, rename one with data.columns"
            raise row.error(name, f"is missing{'' if name in row.values else known}.")
    choices = read_choices(row)
    example = {
        "id": row.id,
        "choices": choices,
        "answer": read_answer(row, choices),
        "solution": read_rationales(row),
        **{name: row.text(name) for name in ("question", "hint", "lecture", *further)},
    }
    for name, value in example.items():
        if HALF_CHARACTER.search("".join(value) if isinstance(value, list) else str(value)):
            raise row.error(name, "holds half a character (a lone surrogate); write the text again.")
    return example


def read_rationales(row: RawRow) -> list[str]:
    """The row's rationales; a single empty text where there is none."""
    solution = row.values.get("solution")
    if not isinstance(solution, list):
        return [row.text("solution")]
    if not all(isinstance(text, str) for text in solution):
        raise row.error("solution", "is a list with something else than texts in it; write texts only.")
    return [text for text in solution if text.strip()] or [""]


def repeat_for_rationales(example: dict[str, Any], every: bool) -> list[dict[str, Any]]:
    """The example with its first rationale, or once with each: `ID`, `ID#2`, `ID#3`."""
    rationales = example["solution"] if every else example["solution"][:1]
    return [
        {**example, "id": f"{example['id']}#{number}" if number > 1 else example["id"], "solution": rationale}
        for number, rationale in enumerate(rationales, 1)
    ]
