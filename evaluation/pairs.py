"""Pairs of examples that differ in one cue: does the system notice, and does it say what the picture shows?"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..configuration.metrics import ANSWER_FLIPS, BOTH_RIGHT, CONTRADICTED, PAIR_METRICS, RATIONALE_FLIPS
from ..data.sketchqa.example import statements
from ..modeling_mmcot.answers_mmcot import plain
from .intervals import estimate
from .predictions import AnsweredExamples


# Columns: what joins two examples, and the statements that a picture is known to contradict.
PAIR, WRONG_STATEMENTS = "pair", "contradicted"


def score_pairs(answered: AnsweredExamples) -> dict[str, Any]:
    """Scores of the pairs of a data set.

    Returns:
        Nothing where no two examples share a value of the column `pair`. Else `pairs`, in percent of them, each
        `{"value", "n", "low", "high"}`: `both_right`; `answer_flips`, where two answers name different options;
        `rationale_flips`, where two rationales come to different options; and `chance`, how often guessing gets both
        right; the last two only where there are options. Where the examples have the column `contradicted` also
        `contradicted`, in percent of the `n` statements of all rationales: those that the picture contradicts.
    """
    pairs = find_pairs(answered.examples)
    if not pairs:
        return {}
    right, options = answered.right, [len(example["choices"]) for example in answered.examples]
    chosen, concluded = (in_words(given, answered.examples) for given in (answered.chosen, answered.concluded))
    scores = {
        BOTH_RIGHT.name: [right[first] and right[second] for first, second in pairs],
        ANSWER_FLIPS.name: [flips(chosen[first], chosen[second]) for first, second in pairs],
    }
    if all(options):
        scores[RATIONALE_FLIPS.name] = [flips(concluded[first], concluded[second]) for first, second in pairs]
    wrong = contradicted_statements(answered)
    if wrong:
        scores[CONTRADICTED.name] = wrong
    found: dict[str, Any] = {name: estimate(values, PAIR_METRICS[name].scale) for name, values in scores.items()}
    if all(options):
        guessing = float(np.mean([1 / (options[first] * options[second]) for first, second in pairs]))
        found["chance"] = BOTH_RIGHT.scale * guessing
    return {"pairs": found}


def find_pairs(examples: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Positions of the examples that share a value of the column `pair` with just one other."""
    places = defaultdict(list)
    for position, example in enumerate(examples):
        if example.get(PAIR):
            places[example[PAIR]].append(position)
    return [(group[0], group[1]) for group in places.values() if len(group) == 2]


def flips(first: str | None, second: str | None) -> bool:
    """Whether two examples got different options."""
    return first is not None and second is not None and first != second


def in_words(given: Sequence[int | str | None], examples: Sequence[Mapping[str, Any]]) -> list[str | None]:
    """The answers to examples in words; `None` for none."""
    return [
        plain(example["choices"][answer]) if isinstance(answer, int) else answer
        for answer, example in zip(given, examples, strict=True)
    ]


def contradicted_statements(answered: AnsweredExamples) -> list[bool]:
    """Of every statement of every rationale, whether the picture contradicts it, where that is known."""
    found = []
    for guess, example in zip(answered.guesses, answered.examples, strict=True):
        if guess and example.get(WRONG_STATEMENTS) is not None:
            wrong = {plain(statement) for statement in example[WRONG_STATEMENTS]}
            found += [plain(statement) in wrong for statement in statements(guess["rationale"])]
    return found
