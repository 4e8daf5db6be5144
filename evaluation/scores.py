"""Scores of predictions against a data set, in the paper's classes."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..configuration.metrics import ACCURACY, CLASSES, CONCLUSION, METRICS, SIMILARITY
from ..data.image_column import without_images
from ..modeling_mmcot import MMCoTProcessor
from .conclusions import is_right
from .confidence import score_confidences
from .intervals import estimate
from .metrics import RATIONALE_SCORES, chance, rationale_scores
from .pairs import score_pairs
from .predictions import AnsweredExamples, match_predictions
from .similarity import similarities


# How many ids of a kind are listed; the counts are complete.
LISTED_IDS = 20


def with_whole_rationales(dataset: datasets.Dataset, processor: MMCoTProcessor) -> datasets.Dataset:
    """The data set with all that the processor calls a rationale as `solution`: for some that includes the lecture."""
    if not processor.lecture:
        return dataset
    rationales = [processor.gold_rationale(example) for example in without_images(dataset)]
    return dataset.remove_columns("solution").add_column("solution", rationales)


def evaluate(
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    by: Sequence[str] = (),
    encoder: str | Path | None = None,
) -> dict[str, Any]:
    """Scores predictions of this or any other system.

    Every example counts: one without prediction (`missing`), or whose answer names no option (`unparsed`), is wrong.

    Args:
        predictions: rows `{id, choice_index or answer_text, rationale}`, the rationale optional; see
            [`match_predictions`].
        dataset: the examples they answer, with labels.
        by: columns to report accuracy by, besides the paper's classes.
        encoder: folder of a sentence encoder, which adds `similarity` to the rationale scores.

    Returns:
        `accuracy` by class and column, in percent; `chance`, what guessing gives there; `rationale` scores as
        fractions, and where there are any `conclusion`, the percentage of them that come to the right one. Each score
        is `{"value", "n", "low", "high"}` with a 95 % interval, see [`estimate`]. `confidence`, see
        [`score_confidences`]; `pairs`, where there are any, see [`score_pairs`]. The counts `unparsed`, `missing`
        (no prediction), `unknown` (no such example) and `duplicate` (answered before, the first answer counts), each
        with its first ids as `unparsed_ids` and so on.

    Raises:
        ValueError: for an unknown column, a data set without labels, or a prediction without answer.
    """
    known = [name for name in dataset.column_names if name != "image"]
    for column in by:
        if column not in known:
            raise ValueError(f"There is no column {column!r} to report by; the data set has {', '.join(known)}.")
        if column in CLASSES:
            raise ValueError(f"The column {column!r} to report by is called like a class of scores; rename it.")
    answered = match_predictions(predictions, dataset)
    groups = group_members(answered.examples, by)
    right = answered.right
    choices = [example["choices"] for example in answered.examples]
    return {
        "accuracy": for_each_group(groups, lambda members: estimate(right[members], ACCURACY.scale)),
        "chance": for_each_group(groups, lambda members: chance([choices[member] for member in members])),
        "rationale": score_rationales(answered, encoder),
        **score_conclusions(answered),
        "confidence": score_confidences(answered.guesses, right),
        **score_pairs(answered),
        **count_ids(answered),
    }


def group_members(examples: Sequence[Mapping[str, Any]], by: Sequence[str]) -> dict[str, Any]:
    """Positions of the examples of each class that has any, and of each value of the columns."""
    groups: dict[str, Any] = {}
    for each in CLASSES.values():
        members = np.flatnonzero([each.contains(example) for example in examples])
        if len(members):
            groups[each.name] = members
    for column in by:
        positions = defaultdict(list)
        for position, example in enumerate(examples):
            positions[str(example[column])].append(position)
        groups[column] = {value: np.array(positions[value]) for value in sorted(positions, key=by_number)}
    return groups


def by_number(text: str) -> list[str]:
    """Sorts `grade2` before `grade10`."""
    return [part.zfill(20) if position % 2 else part for position, part in enumerate(re.split(r"(\d+)", text))]


def for_each_group(groups: Mapping[str, Any], score: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """The same structure with a score in place of each group's positions."""
    return {
        name: for_each_group(group, score) if isinstance(group, dict) else score(group)
        for name, group in groups.items()
    }


def score_rationales(answered: AnsweredExamples, encoder: str | Path | None) -> dict[str, dict[str, float]]:
    """Scores over the examples that have a gold rationale; nothing if no rationale at all was predicted.

    A missing or empty rationale scores 0 and counts.
    """
    predicted, golds = [], []
    for guess, example in zip(answered.guesses, answered.examples, strict=True):
        gold = (example.get("solution") or "").strip()
        if gold:
            golds.append(gold)
            predicted.append(guess["rationale"] if guess else "")
    if not any(predicted):
        return {}
    rows = [rationale_scores(text, gold) for text, gold in zip(predicted, golds, strict=True)]
    scores: dict[str, Sequence[float] | np.ndarray] = {name: [row[name] for row in rows] for name in RATIONALE_SCORES}
    if encoder is not None:
        scores[SIMILARITY.name] = similarities(predicted, golds, encoder)
    return {name: estimate(values, METRICS[name].scale) for name, values in scores.items()}


def score_conclusions(answered: AnsweredExamples) -> dict[str, Any]:
    """How many rationales come to the right conclusion, as `conclusion`; nothing if no rationale was predicted."""
    rationales = [guess["rationale"] if guess else "" for guess in answered.guesses]
    if not any(rationales):
        return {}
    right = [is_right(text, example) for text, example in zip(rationales, answered.examples, strict=True)]
    return {CONCLUSION.name: estimate(right, CONCLUSION.scale)}


def count_ids(answered: AnsweredExamples) -> dict[str, Any]:
    """What did not match, as counts and ids."""
    kinds = {name: getattr(answered, name) for name in ("unparsed", "missing", "unknown", "duplicate")}
    counts: dict[str, Any] = {name: len(ids) for name, ids in kinds.items()}
    return counts | {f"{name}_ids": ids[:LISTED_IDS] for name, ids in kinds.items()}
