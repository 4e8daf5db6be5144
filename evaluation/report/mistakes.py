"""The wrong answers, by what went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import datasets

from ...data.image_column import as_list
from ...modeling_mmcot.prompt_mmcot import letter
from ..conclusions import is_right
from ..predictions import AnsweredExamples
from .differences import mark_differences
from .thumbnails import thumbnail


# So many wrong answers of a kind are shown.
SHOWN = 100
# Further columns that say what an example is about, if there.
ABOUT = ("subject", "topic", "skill", "grade")


@dataclass
class Kind:
    """Wrong answers of one kind.

    Args:
        name: of its heading.
        meaning: one sentence.
        positions: of the examples in the data set.
        shown: what the page says of the first of them, see [`describe_mistake`].
    """

    name: str
    meaning: str
    positions: list[int] = field(default_factory=list)
    shown: list[dict[str, Any]] = field(default_factory=list)

    @property
    def left_out(self) -> int:
        """How many are not shown."""
        return len(self.positions) - len(self.shown)


def sort_mistakes(answered: AnsweredExamples, dataset: datasets.Dataset) -> list[Kind]:
    """The wrong answers by kind, without empty kinds. A missing prediction is no answer and not among them."""
    unparsed = Kind("No option named", "What the model wrote as its answer names no option, or several.")
    misread = Kind(
        "Right rationale, wrong answer", "The rationale comes to the right conclusion; the answer does not."
    )
    misled = Kind("Wrong rationale, wrong answer", "The rationale already comes to another conclusion, or to none.")
    silent = Kind("Wrong answer, no rationale", "There is no rationale to tell why.")
    for position, (example, guess) in enumerate(zip(answered.examples, answered.guesses, strict=True)):
        if guess is None or guess["choice_index"] == example["answer"]:
            continue
        if guess["choice_index"] is None:
            kind = unparsed
        elif not guess["rationale"]:
            kind = silent
        elif is_right(guess["rationale"], example):
            kind = misread
        else:
            kind = misled
        kind.positions.append(position)
        if len(kind.shown) < SHOWN:
            kind.shown.append(describe_mistake(example, guess, dataset[position].get("image")))
    return [kind for kind in (misled, misread, silent, unparsed) if kind.positions]


def describe_mistake(example: Mapping[str, Any], guess: Mapping[str, Any], image: Any) -> dict[str, Any]:
    """What the page says of one wrong answer."""
    gold = (example.get("solution") or "").strip()
    if gold:
        rationale, gold_rationale = mark_differences(guess["rationale"], gold)
    else:
        rationale, gold_rationale = [(guess["rationale"], False)], []
    return {
        "id": example["id"],
        "about": [example[column] for column in ABOUT if example.get(column)],
        "images": [thumbnail(each) for each in as_list(image)],
        "question": example["question"],
        "context": example.get("hint"),
        "options": [
            {
                "letter": letter(index),
                "text": text,
                "gold": index == example["answer"],
                "chosen": index == guess["choice_index"],
            }
            for index, text in enumerate(example["choices"])
        ],
        "rationale": rationale if guess["rationale"] else [],
        "gold_rationale": gold_rationale,
        "answer_text": guess.get("answer_text"),
    }
