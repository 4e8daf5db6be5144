"""The one schema of all data sets, and the checks that a row passes on its way there."""

from collections.abc import Iterable
from typing import Any

import datasets

from ..configuration.arguments import PROMPT_LENGTH
from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from ..modeling_mmcot.prompt_mmcot import HALF_CHARACTER
from ..modeling_mmcot.stage_records_mmcot import STAGES
from .answers import read_accepted_answers, read_answer, read_choices
from .rows import RawRow, readable


TEXT = datasets.Value("string")
# What every data set has, in this order. Further columns follow by name, each a text.
COLUMNS = ("id", "image", "question", "choices", "answer", "hint", "lecture", "solution")
# Columns without which nothing goes, and what else can be done where one is not there.
REQUIRED = {"question": "", "choices": ", or add an empty one if no question has options"}
# What later steps add to a data set, so that no file may have it.
IMAGE_HASHES = "image_hashes"  # instead of `image` where features are cached: the content hashes of a row's images
STAGE = "prompt_stage"  # which prompt and target to build from a row
LENGTH = PROMPT_LENGTH  # tokens of a row's prompt
CAPTION = "caption"  # the only further column that the model reads


def written_column(stage: str) -> str:
    """The column with what a stage's model wrote. Without it, later stages read the gold text."""
    return f"generated_{stage}"


def certainty_column(stage: str) -> str:
    """The column with how probable a stage's model found what it wrote, as a logarithm."""
    return f"log_probability_of_{written_column(stage)}"


READ_COLUMNS = {
    column(earlier)
    for stage in STAGES.values()
    for earlier in stage.reads
    for column in (written_column, certainty_column)
}
ADDED_COLUMNS = {IMAGE_HASHES, STAGE, LENGTH} | READ_COLUMNS


def make_features(further: Iterable[str], several_images: bool, without_options: bool) -> datasets.Features:
    """The types of all columns, the same whichever file they came from.

    Args:
        further: names of columns beyond [`COLUMNS`].
        several_images: whether `image` is a list of images.
        without_options: whether a question has no options; all then have the column `accepted_answers`.
    """
    types = dict.fromkeys(COLUMNS, TEXT) | {"choices": datasets.List(TEXT), "answer": datasets.Value("int64")}
    types["image"] = datasets.List(datasets.Image()) if several_images else datasets.Image()
    accepted = {ACCEPTED_ANSWERS: datasets.List(TEXT)} if without_options else {}
    return datasets.Features(types | accepted | dict.fromkeys(sorted(further), TEXT))


def make_example(row: RawRow, further: Iterable[str]) -> dict[str, Any]:
    """Every column of an example but its images; `solution` as the list of its rationales.

    Raises:
        RowError: for a row without question, with a single option, or with an answer that is none of its options.
    """
    for name, otherwise in REQUIRED.items():
        if name not in row.values:
            names = readable(", ".join(row.values))
            raise row.error(name, f"is missing; the columns are {names}, rename one with data.columns{otherwise}.")
    if not row.text("question").strip():
        raise row.error("question", "is missing.")
    choices = read_choices(row)
    example = {
        "id": row.id,
        "choices": choices,
        "answer": read_answer(row, choices) if choices else None,
        ACCEPTED_ANSWERS: [] if choices else read_accepted_answers(row),
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
