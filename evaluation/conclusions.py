"""What a rationale comes to: the option that it ends by naming."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..modeling_mmcot.answers_mmcot import find_option, plain
from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS, comparable


SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def is_right(rationale: str, example: Mapping[str, Any]) -> bool:
    """Whether a rationale comes to the conclusion of the gold one.

    The conclusion is the option that the last sentence to name exactly one option names. Where the gold rationale
    names none, its last sentence must stand in the rationale; where there is none, the right option counts. Without
    options, the last sentence must have an accepted answer in it, if that of the gold rationale has one.

    Measured on ScienceQA's solutions, this accepts 87 to 92 % of those with sentences reordered or left out, and 4 to
    8 % of those about another option or another problem. A threshold of 0.9 on ROUGE-L accepts 24 to 60 % and 2 to
    74 %: one wrong word in a long text hardly moves it, a harmless reordering does.
    """
    gold = (example.get("solution") or "").strip()
    choices = example["choices"]
    if not choices:
        accepted = example[ACCEPTED_ANSWERS]
        names = not gold or ends_with_one_of(gold, accepted)
        return ends_with_one_of(rationale, accepted) if names else ends_as(rationale, gold)
    expected = conclusion(gold, choices) if gold else example["answer"]
    if expected is None:
        return ends_as(rationale, gold)
    return conclusion(rationale, choices) == expected


def ends_as(rationale: str, gold: str) -> bool:
    """Whether the last sentence of the gold rationale stands in a rationale."""
    return plain(split_sentences(gold)[-1]) in plain(rationale)


def ends_with_one_of(rationale: str, accepted: Sequence[str]) -> bool:
    """Whether the last sentence has an accepted answer among its words."""
    said = f" {comparable(split_sentences(rationale)[-1])} "
    return any(f" {comparable(answer)} " in said for answer in accepted)


def conclusion(rationale: str, choices: Sequence[str]) -> int | None:
    """Index of the option that the last sentence to name exactly one names."""
    named = (find_option(sentence, choices) for sentence in reversed(split_sentences(rationale)))
    return next((index for index in named if index is not None), None)


def split_sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return SENTENCE_END.split(text.strip())
