"""The wrong answers, by what went wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import datasets

from ...configuration.metrics import WITHOUT_OPTIONS, Kind
from ...data.image_column import as_list
from ...modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from ...modeling_mmcot.prompt_mmcot import letter
from ..conclusions import is_right
from ..predictions import AnsweredExamples, is_right_answer
from .differences import mark_differences
from .thumbnails import thumbnail


# So many wrong answers of a kind are shown.
SHOWN = 100
# Further columns that say what an example is about, if there.
ABOUT = ("subject", "topic", "skill", "grade")


@dataclass
class Mistakes:
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


def sort_mistakes(answered: AnsweredExamples, dataset: datasets.Dataset, kind: Kind) -> list[Mistakes]:
    """The wrong answers to a kind of questions by what went wrong, without empty kinds. A missing prediction is no
    answer and not among them."""
    unparsed = Mistakes("No option named", "What the model wrote as its answer names no option, or several.")
    if kind is WITHOUT_OPTIONS:
        unparsed = Mistakes("No answer in words", "The model wrote nothing as its answer, or several answers.")
    misread = Mistakes(
        "Right rationale, wrong answer", "The rationale comes to the right conclusion; the answer does not."
    )
    misled = Mistakes(
        "Wrong rationale, wrong answer", "The rationale already comes to another conclusion, or to none."
    )
    silent = Mistakes("Wrong answer, no rationale", "There is no rationale to tell why.")
    for position, (example, guess) in enumerate(zip(answered.examples, answered.guesses, strict=True)):
        if guess is None or not kind.contains(example) or is_right_answer(guess["given"], example):
            continue
        if guess["given"] is None:
            group = unparsed
        elif not guess["rationale"]:
            group = silent
        elif is_right(guess["rationale"], example):
            group = misread
        else:
            group = misled
        group.positions.append(position)
        if len(group.shown) < SHOWN:
            group.shown.append(describe_mistake(example, guess, dataset[position].get("image")))
    return [group for group in (misled, misread, silent, unparsed) if group.positions]


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
        "options": options_of(example, guess) if example["choices"] else answers_of(example, guess),
        "rationale": rationale if guess["rationale"] else [],
        "gold_rationale": gold_rationale,
        "answer_text": guess.get("answer_text"),
    }


def options_of(example: Mapping[str, Any], guess: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The options of a problem, with what is right and what was chosen."""
    return [
        {
            "letter": letter(index),
            "text": text,
            "gold": index == example["answer"],
            "chosen": index == guess["given"],
        }
        for index, text in enumerate(example["choices"])
    ]


def answers_of(example: Mapping[str, Any], guess: Mapping[str, Any]) -> list[dict[str, Any]]:
    """In the same form, the accepted answers and what was said."""
    accepted = [{"letter": None, "text": text, "gold": True, "chosen": False} for text in example[ACCEPTED_ANSWERS]]
    accepted = list({answer["text"]: answer for answer in accepted}.values())
    said = {"letter": None, "text": guess["given"], "gold": False, "chosen": True}
    return accepted if guess["given"] is None else [*accepted, said]
