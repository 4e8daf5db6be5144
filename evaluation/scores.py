"""Scores of predictions against a data set, in the paper's classes."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..data.image_column import without_images
from ..modeling_mmcot import MMCoTProcessor
from .intervals import estimate
from .metrics import chance, rationale_scores
from .predictions import AnsweredExamples, match_predictions
from .similarity import similarities


LOWER_GRADES = {f"grade{grade}" for grade in range(1, 7)}
UPPER_GRADES = {f"grade{grade}" for grade in range(7, 13)}

# The classes of the paper's tables and which problems belong to them.
CLASSES: dict[str, Callable[[Mapping[str, Any]], bool]] = {
    "NAT": lambda row: row.get("subject") == "natural science",
    "SOC": lambda row: row.get("subject") == "social science",
    "LAN": lambda row: row.get("subject") == "language science",
    "TXT": lambda row: bool(row.get("hint")),
    "IMG": lambda row: row["has_image"],
    "NO": lambda row: not row.get("hint") and not row["has_image"],
    "G1-6": lambda row: row.get("grade") in LOWER_GRADES,
    "G7-12": lambda row: row.get("grade") in UPPER_GRADES,
    "average": lambda row: True,
}
# How many ids of a kind are listed; the counts are complete.
LISTED_IDS = 20


def with_whole_rationales(dataset: datasets.Dataset, processor: MMCoTProcessor) -> datasets.Dataset:
    """The data set with all that the processor calls a rationale as `solution`: for some that includes the lecture."""
    if not processor.lecture:
        return dataset
    texts = without_images(dataset)
    rationales = [processor.gold_rationale(row) for row in texts]
    return dataset.remove_columns("solution").add_column("solution", rationales)


def evaluate(
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    by: Sequence[str] = (),
    encoder: str | Path | None = None,
) -> dict[str, Any]:
    """Scores predictions of this or any other system.

    Every problem counts: one without prediction (`missing`), or whose answer names no option (`unparsed`), is wrong.

    Args:
        predictions: rows `{id, choice_index or answer_text, rationale}`, the rationale optional; see
            [`match_predictions`].
        dataset: the problems they answer, with labels.
        by: columns to report accuracy by, besides the paper's classes.
        encoder: folder of a sentence encoder, which adds `similarity` to the rationale scores.

    Returns:
        `accuracy` by class and column, in percent; `chance`, what guessing gives there; `rationale` scores as
        fractions. Each score is `{"value", "n", "low", "high"}` with a 95 % interval, see [`estimate`]. The counts
        `unparsed`, `missing` (no prediction), `unknown` (no such problem) and `duplicate` (answered before, the first
        answer counts), each with its first ids as `unparsed_ids` and so on.

    Raises:
        ValueError: for an unknown column, a data set without labels, or a prediction without answer.
    """
    known = [name for name in dataset.column_names if name != "image"]
    for column in by:
        if column not in known:
            raise ValueError(f"There is no column {column!r} to report by; the data set has {', '.join(known)}.")
    answered = match_predictions(predictions, dataset)
    groups = group_members(answered.problems, by)
    right, choices = answered.right, [row["choices"] for row in answered.problems]
    return {
        "accuracy": for_each_group(groups, lambda members: estimate(right[members], scale=100)),
        "chance": for_each_group(groups, lambda members: chance([choices[member] for member in members])),
        "rationale": score_rationales(answered, encoder),
        **count_ids(answered),
    }


def group_members(problems: Sequence[Mapping[str, Any]], by: Sequence[str]) -> dict[str, Any]:
    """Positions of the problems of each class that has any, and of each value of the columns."""
    members = {name: np.flatnonzero([belongs(row) for row in problems]) for name, belongs in CLASSES.items()}
    groups: dict[str, Any] = {name: positions for name, positions in members.items() if len(positions)}
    for column in by:
        values = np.array([str(row[column]) for row in problems])
        groups[column] = {
            value: np.flatnonzero(values == value) for value in sorted(set(values.tolist()), key=by_number)
        }
    return groups


def by_number(text: str) -> list[str | int]:
    """Sorts `grade2` before `grade10`."""
    return [int(part) if position % 2 else part for position, part in enumerate(re.split(r"(\d+)", text))]


def for_each_group(groups: Mapping[str, Any], score: Callable[[np.ndarray], Any]) -> dict[str, Any]:
    """The same structure with a score in place of each group's positions."""
    return {
        name: for_each_group(group, score) if isinstance(group, dict) else score(group)
        for name, group in groups.items()
    }


def score_rationales(answered: AnsweredExamples, encoder: str | Path | None) -> dict[str, dict[str, float]]:
    """Scores over the problems that have a gold rationale; nothing if no rationale at all was predicted.

    A missing or empty rationale scores 0 and counts.
    """
    pairs = [
        (guess["rationale"] if guess else "", row["solution"].strip())
        for guess, row in zip(answered.guesses, answered.problems, strict=True)
        if (row.get("solution") or "").strip()
    ]
    if not any(predicted for predicted, _ in pairs):
        return {}
    rows = [rationale_scores(predicted, gold) for predicted, gold in pairs]
    scores: dict[str, Sequence[float]] = {name: [row[name] for row in rows] for name in rows[0]}
    if encoder is not None:
        scores["similarity"] = similarities(*zip(*pairs, strict=True), encoder)
    return {name: estimate(values) for name, values in scores.items()}


def count_ids(answered: AnsweredExamples) -> dict[str, Any]:
    """What did not match, as counts and ids."""
    kinds = {name: getattr(answered, name) for name in ("unparsed", "missing", "unknown", "duplicate")}
    counts: dict[str, Any] = {name: len(ids) for name, ids in kinds.items()}
    return counts | {f"{name}_ids": ids[:LISTED_IDS] for name, ids in kinds.items()}
