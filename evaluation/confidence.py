"""How far confidences can be trusted: do they match how often answers are right, and do they tell right from wrong?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import optimize, stats

from ..configuration.metrics import AUROC, CALIBRATION_ERROR


BINS = 10
COVERAGES = np.linspace(0.05, 1, 20)
# Of a temperature; beyond them confidences are the same for all answers.
LOWEST, HIGHEST = 0.05, 1000.0
SUREST = 1 - 1e-6
# With fewer answers a temperature says more about them than about the model.
FEWEST = 20
# Standard deviation of the temperature's logarithm before any answer was seen, around 0. Fitted freely to 100 answers
# of a model that is right in 98 of 100, temperatures ranged from 0.6 to 1,000, with this from 0.9 to 2, and the
# surprise at 500 further answers fell from 0.061 to 0.047.
SPREAD = 0.5


def fit_temperature(logarithms: Sequence[float | None], right: Sequence[bool]) -> float | None:
    """The temperature with which confidences match best how often answers are right.

    It makes the outcomes most probable, as temperature scaling does (Guo et al., 2017), here on the probability that
    the models gave to the way they took: `confidence = exp(logarithm / temperature)`. A few answers move it little
    from 1.

    Args:
        logarithms: `log_confidence` of each answer; those without one are left out.
        right: whether each answer is right.

    Returns:
        Between 0.05 and 1,000; `None` where fewer than 20 answers have a logarithm.
    """
    known = [(value, hit) for value, hit in zip(logarithms, right, strict=True) if value is not None]
    if len(known) < FEWEST:
        return None
    values, hits = np.array([value for value, _ in known]), np.array([hit for _, hit in known], dtype=bool)

    def surprise(log_temperature: float) -> float:
        sure = np.minimum(np.exp(values / np.exp(log_temperature)), SUREST)
        of_outcomes = -np.log(np.where(hits, np.maximum(sure, 1 - SUREST), 1 - sure)).sum()
        return of_outcomes + (log_temperature / SPREAD) ** 2 / 2

    found = optimize.minimize_scalar(surprise, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return round(float(np.exp(found.x)), 3)


def score_confidences(guesses: Sequence[Mapping[str, Any] | None], right: np.ndarray) -> dict[str, Any]:
    """Scores of the confidences of predictions.

    Args:
        guesses: with `confidence`, from 0 to 1; those without one are left out.
        right: `(guesses,)`, boolean.

    Returns:
        `n`, how many have one; their `mean`; `calibration_error` in percentage points (the expected calibration error
        of Naeini et al., 2015, over ten equal bins); `auroc`, `None` where all answers are right, or all wrong;
        `reliability`, each bin that has answers as `{"low", "high", "n", "confidence", "accuracy"}`; and `coverage`,
        what is right of the surest share of answers as `{"coverage", "accuracy"}`. Shares are fractions. Empty where
        nothing has a confidence.
    """
    members = [place for place, guess in enumerate(guesses) if guess and guess["confidence"] is not None]
    if not members:
        return {}
    sure = np.array([guesses[place]["confidence"] for place in members])  # type: ignore[index]
    hits = right[members]
    bins = reliability(sure, hits)
    gaps = [each["n"] * abs(each["confidence"] - each["accuracy"]) for each in bins]
    return {
        "n": len(members),
        "mean": float(sure.mean()),
        CALIBRATION_ERROR.name: CALIBRATION_ERROR.scale * sum(gaps) / len(members),
        AUROC.name: auroc(sure, hits),
        "reliability": bins,
        "coverage": accuracy_by_coverage(sure, hits),
    }


def reliability(sure: np.ndarray, hits: np.ndarray) -> list[dict[str, Any]]:
    """Mean confidence and share of right answers of each bin of confidences that has any."""
    edges = np.linspace(0, 1, BINS + 1)
    places = np.minimum((sure * BINS).astype(int), BINS - 1)
    return [
        {
            "low": float(edges[place]),
            "high": float(edges[place + 1]),
            "n": int((places == place).sum()),
            "confidence": float(sure[places == place].mean()),
            "accuracy": float(hits[places == place].mean()),
        }
        for place in np.unique(places)
    ]


def auroc(sure: np.ndarray, hits: np.ndarray) -> float | None:
    """How often a right answer has a higher confidence than a wrong one; ties count half."""
    positives, negatives = int(hits.sum()), int((~hits).sum())
    if not positives or not negatives:
        return None
    ranks = stats.rankdata(sure)[hits].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def accuracy_by_coverage(sure: np.ndarray, hits: np.ndarray) -> list[dict[str, float]]:
    """What is right of the surest answers, for a growing share of them; equally sure ones share their hits."""
    order = np.argsort(-sure, kind="stable")
    counts = np.unique(-sure[order], return_counts=True)[1]
    means = np.add.reduceat(hits[order].astype(float), np.r_[0, counts.cumsum()[:-1]]) / counts
    running = np.repeat(means, counts).cumsum() / np.arange(1, len(sure) + 1)
    taken = np.maximum(np.ceil(COVERAGES * len(sure)).astype(int), 1)
    return [{"coverage": float(n / len(sure)), "accuracy": float(running[n - 1])} for n in taken]
