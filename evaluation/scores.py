"""Scores of predictions against a data set, in the paper's classes."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..configuration.metrics import (
    CLASSES,
    CONCLUSION,
    DIRECT_ANSWER,
    KINDS,
    METRICS,
    SIMILARITY,
    WITH_OPTIONS,
    Kind,
)
from ..data.image_column import without_images
from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS, comparable
from ..modeling_mmcot.wording_mmcot import Wording
from .conclusions import is_right
from .confidence import score_confidences
from .intervals import estimate
from .metrics import RATIONALE_SCORES, chance, rationale_scores
from .pairs import score_pairs
from .predictions import AnsweredExamples, match_predictions
from .similarity import similarities


# How many ids of a kind are listed; the counts are complete.
LISTED_IDS = 20
# Whose answers make a direct-answer score.
PEOPLE = 10


def with_whole_rationales(dataset: datasets.Dataset, processor: Wording) -> datasets.Dataset:
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

    Every example counts: one without prediction (`missing`), or whose text gives no answer (`unparsed`), is wrong.

    Args:
        predictions: rows `{id, choice_index or answer_text, rationale}`, the rationale optional; see
            [`match_predictions`].
        dataset: the examples they answer, with labels.
        by: columns to report accuracy by, besides the paper's classes.
        encoder: folder of a sentence encoder, which adds `similarity` to the rationale scores.

    Returns:
        Of the examples with options `accuracy` by class and column, in percent; `chance`, what guessing gives there;
        `rationale` scores as fractions, and where there are any `conclusion`, the percentage of them that come to the
        right one. Each score is `{"value", "n", "low", "high"}` with a 95 % interval, see [`estimate`]. `confidence`,
        see [`score_confidences`]; `pairs`, where there are any, see [`score_pairs`]. Where there are examples without
        options, the same of them as `without_options`: instead of `accuracy` and `chance` it has `exact_match`, the
        percentage of answers that are one of those accepted (see [`comparable`]), and where examples have the answers
        of ten people `direct_answer`. The counts `unparsed` and `missing` (no prediction), and of the whole file
        `unknown` (no such example) and `duplicate` (answered before, the first answer counts), each with its first ids
        as `unparsed_ids` and so on.

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
    metrics: dict[str, Any] = {"rationale": {}, "confidence": {}}
    for kind in KINDS:
        part = answered.of_kind(kind)
        scores = score_kind(part, kind, by, encoder) if part.examples else count_ids(part, "unparsed", "missing")
        if kind is WITH_OPTIONS:
            metrics |= scores | count_ids(answered, "unknown", "duplicate")
        elif part.examples:
            metrics[kind.key] = scores
    return metrics


def score_kind(
    answered: AnsweredExamples, kind: Kind, by: Sequence[str], encoder: str | Path | None
) -> dict[str, Any]:
    """Scores of the examples of a kind, see [`evaluate`]."""
    groups, right = group_members(answered.examples, by), answered.right
    scores = {kind.score.name: for_each_group(groups, lambda members: estimate(right[members], kind.score.scale))}
    if kind is WITH_OPTIONS:
        choices = [example["choices"] for example in answered.examples]
        scores["chance"] = for_each_group(groups, lambda members: chance([choices[member] for member in members]))
    return {
        **scores,
        **score_direct_answers(answered),
        "rationale": score_rationales(answered, encoder),
        **score_conclusions(answered),
        "confidence": score_confidences(answered.guesses, right),
        **score_pairs(answered),
        **count_ids(answered, "unparsed", "missing"),
    }


def score_direct_answers(answered: AnsweredExamples) -> dict[str, Any]:
    """The score of A-OKVQA's direct answers, over the examples with the answers of ten people, as `direct_answer`:
    each counts a third for every one of them who said the same, at most one."""
    scores = []
    for answer, example in zip(answered.chosen, answered.examples, strict=True):
        accepted = [comparable(text) for text in example.get(ACCEPTED_ANSWERS) or ()]
        if len(accepted) == PEOPLE:
            scores.append(min(1.0, sum(text == answer for text in accepted) / 3))
    return {DIRECT_ANSWER.name: estimate(scores, DIRECT_ANSWER.scale)} if scores else {}


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


def count_ids(answered: AnsweredExamples, *names: str) -> dict[str, Any]:
    """What did not match, as counts and ids."""
    found = {name: getattr(answered, name) for name in names}
    counts: dict[str, Any] = {name: len(ids) for name, ids in found.items()}
    return counts | {f"{name}_ids": ids[:LISTED_IDS] for name, ids in found.items()}
