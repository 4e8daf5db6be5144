"""Scores of predictions against a data set, in the paper's classes."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import datasets

from mmcot.training.metrics import rouge_l


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


def evaluate(predictions: Sequence[Mapping], dataset: datasets.Dataset, by: Sequence[str] = ()) -> dict[str, Any]:
    """Scores predictions.

    Args:
        predictions: rows with `id`, `choice_index` and, where there is one, `rationale`.
        dataset: the problems they answer. A problem without prediction counts as wrong.
        by: columns to report accuracy by, besides the paper's classes.

    Returns:
        `accuracy` by class, in percent; `rationale` scores as fractions, each `{"value", "n", "low", "high"}` with a
        95 % interval; and the counts `unparsed`, `missing`, `unknown`.
    """
    rows = label_rows(dataset)
    found = {prediction["id"]: prediction for prediction in predictions}
    guesses = [found.get(row["id"]) for row in rows]
    right = [bool(guess) and guess["choice_index"] == row["answer"] for guess, row in zip(guesses, rows, strict=True)]
    accuracy: dict[str, Any] = {name: share(right, [member(row) for row in rows]) for name, member in CLASSES.items()}
    accuracy = {name: value for name, value in accuracy.items() if value["n"]}
    for column in by:
        values = sorted({row[column] for row in rows})
        accuracy[column] = {value: share(right, [row[column] == value for row in rows]) for value in values}
    return {
        "accuracy": accuracy,
        "rationale": rationale_scores(guesses, rows),
        "unparsed": sum(guess is not None and guess["choice_index"] is None for guess in guesses),
        "missing": sum(guess is None for guess in guesses),
        "unknown": len(set(found) - {row["id"] for row in rows}),
    }


def label_rows(dataset: datasets.Dataset) -> list[dict[str, Any]]:
    """The rows without their pictures, but with the word whether they have one."""
    undecoded = dataset.cast_column("image", datasets.Image(decode=False))
    return [{**row, "has_image": row["image"] is not None, "image": None} for row in undecoded]


def share(right: Sequence[bool], members: Sequence[bool]) -> dict[str, float]:
    """Percentage of right answers among the members of a class, with Wilson's 95 % interval."""
    outcomes = [outcome for outcome, member in zip(right, members, strict=True) if member]
    n, hits, z = len(outcomes), sum(outcomes), 1.96
    if not n:
        return {"value": 0.0, "n": 0, "low": 0.0, "high": 0.0}
    p = hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    spread = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    bounds = {"low": max(0.0, centre - spread), "high": min(1.0, centre + spread)}
    return {"value": 100 * p, "n": n, **{name: 100 * bound for name, bound in bounds.items()}}


def rationale_scores(guesses: Sequence[Mapping | None], rows: Sequence[Mapping]) -> dict[str, dict[str, float]]:
    """ROUGE-L over the problems that have a gold rationale, if any rationale was predicted."""
    pairs = [(guess, row["solution"]) for guess, row in zip(guesses, rows, strict=True) if row.get("solution")]
    if not any(guess and guess.get("rationale") for guess, _ in pairs):
        return {}
    scores = [rouge_l((guess or {}).get("rationale") or "", gold) for guess, gold in pairs]
    mean = sum(scores) / len(scores)
    deviation = math.sqrt(sum((score - mean) ** 2 for score in scores) / max(1, len(scores) - 1))
    spread = 1.96 * deviation / math.sqrt(len(scores))
    return {"rouge_l": {"value": mean, "n": len(scores), "low": mean - spread, "high": mean + spread}}
