"""What the answer stage reads in an ablation instead of the rationale that was written for it."""

import math
import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..configuration.ablations import Ablation
from ..modeling_mmcot import MMCoTProcessor
from ..modeling_mmcot.answers_mmcot import WORDS_BEGIN, WORDS_END, plain
from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS, spellings
from ..modeling_mmcot.prompt_mmcot import letter
from .conclusions import conclusion, split_sentences


MASK = "..."
# So many examples are asked for a rationale that comes to another option, where none is known to name one.
DONORS = 20


@dataclass
class Reasoned:
    """Examples with what the full system made of them.

    Args:
        examples: rows of the data set, without images.
        rationales: of the rationale stage, a text for each.
        choices: position of the option that each got as its answer; `None` for none.
        answers: its letter, or the answer in words where there are no options; `None` for none.
        processor: of both stages.
        seed: of what is drawn.
    """

    examples: Sequence[Mapping[str, Any]]
    rationales: Sequence[str]
    choices: Sequence[int | None]
    answers: Sequence[str | None]
    processor: MMCoTProcessor
    seed: int = 0


def change_rationales(ablation: Ablation, reasoned: Reasoned) -> list[str] | None:
    """What the answer stage reads in an ablation, a text for each example; `None` for what stage 1 writes."""
    return None if ablation.rationales is None else CHANGES[ablation.rationales](ablation, reasoned)


def gold_rationales(_: Ablation, reasoned: Reasoned) -> list[str]:
    """Each example's gold rationale, or the one that was written where it has none."""
    golds = map(reasoned.processor.gold_rationale, reasoned.examples)
    return [gold or own for gold, own in zip(golds, reasoned.rationales, strict=True)]


def without_conclusions(_: Ablation, reasoned: Reasoned) -> list[str]:
    """Each rationale without its last sentence; nothing is left of a single one."""
    return [" ".join(split_sentences(text)[:-1]) for text in reasoned.rationales]


def beginnings(ablation: Ablation, reasoned: Reasoned) -> list[str]:
    """The first words of each rationale, a share of them, rounded up."""
    words = [text.split() for text in reasoned.rationales]
    return [" ".join(each[: math.ceil((ablation.share or 0) * len(each))]) for each in words]


def masked_rationales(_: Ablation, reasoned: Reasoned) -> list[str]:
    """Each rationale with the names of all options masked: to mask one alone would tell it from the others. Without
    options, the answer that was given is masked, and those that are accepted."""
    masked = []
    for text, example, answer in zip(reasoned.rationales, reasoned.examples, reasoned.answers, strict=True):
        if example["choices"]:
            masked.append(mask_options(text, example["choices"]))
        else:
            answers = [*filter(None, [answer]), *example[ACCEPTED_ANSWERS]]
            masked.append(mask_words(text, [word for each in answers for word in spellings(each)]))
    return masked


def mask_options(text: str, choices: Sequence[str]) -> str:
    """A text with every option, named by its words or by its letter in brackets, replaced by a mask."""
    return mask_words(text, choices, [rf"\({letter(index)}\)" for index in range(len(choices))])


def mask_words(text: str, answers: Sequence[str], patterns: Sequence[str] = ()) -> str:
    """A text with all answers in it, and what fits a pattern, replaced by a mask."""
    names = sorted({plain(answer) for answer in answers} - {""}, key=len, reverse=True)
    words = [f"{WORDS_BEGIN}{re.escape(name)}{WORDS_END}" for name in names]
    every = "|".join([*words, *patterns])
    return re.sub(every, MASK, text, flags=re.IGNORECASE) if every else text


def foreign_rationales(_: Ablation, reasoned: Reasoned) -> list[str]:
    """For each example the rationale of another, which comes to another of its options than the one it answered.

    Where no other rationale does, it is one drawn at random, that concludes nothing here.
    """
    drawn = random.Random(reasoned.seed)
    concluding = positions_by_conclusion(reasoned)
    foreign = []
    for position in range(len(reasoned.examples)):
        donors = [place for place in possible_donors(position, reasoned, concluding, drawn) if place != position]
        misleading = (place for place in donors if misleads(reasoned.rationales[place], position, reasoned))
        place = next(misleading, donors[-1] if donors else None)
        foreign.append("" if place is None else reasoned.rationales[place])
    return foreign


def positions_by_conclusion(reasoned: Reasoned) -> dict[str, list[int]]:
    """The examples whose rationales come to an option with these words."""
    places = defaultdict(list)
    for place, (example, text) in enumerate(zip(reasoned.examples, reasoned.rationales, strict=True)):
        concluded = conclusion(text, example["choices"])
        if concluded is not None:
            places[plain(example["choices"][concluded])].append(place)
    return places


def possible_donors(
    position: int, reasoned: Reasoned, concluding: Mapping[str, Sequence[int]], drawn: random.Random
) -> list[int]:
    """Examples whose rationale may mislead one: first one for each of its other options, then some at random."""
    options = [plain(choice) for choice in reasoned.examples[position]["choices"]]
    named = [
        drawn.choice(concluding[option]) for option in drawn.sample(options, len(options)) if option in concluding
    ]
    return named + drawn.sample(range(len(reasoned.examples)), min(DONORS, len(reasoned.examples)))


def misleads(rationale: str, position: int, reasoned: Reasoned) -> bool:
    """Whether a rationale comes to an option of an example that was not its answer."""
    concluded = conclusion(rationale, reasoned.examples[position]["choices"])
    return concluded is not None and concluded != reasoned.choices[position]


# By `Ablation.rationales`.
CHANGES: dict[str, Callable[[Ablation, Reasoned], list[str]]] = {
    "none": lambda _, reasoned: [""] * len(reasoned.examples),
    "gold": gold_rationales,
    "another": foreign_rationales,
    "conclusion": without_conclusions,
    "masked": masked_rationales,
    "beginning": beginnings,
}
