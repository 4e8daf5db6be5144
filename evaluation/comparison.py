"""Two systems on the same examples: how far apart, and could it be chance."""

from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np
from scipy import stats

from ..configuration.metrics import ACCURACY, Kind
from .intervals import estimate, estimate_difference
from .predictions import match_predictions


def compare_predictions(
    first: Sequence[Mapping[str, Any]],
    second: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    kind: Kind | None = None,
) -> dict[str, Any]:
    """Compares the answers of two systems, example by example; a missing or unparsed answer is wrong.

    Args:
        first, second: predictions, see [`match_predictions`].
        dataset: the examples they answer, with labels.
        kind: of the examples to compare on; by default all.

    Returns:
        See [`compare_outcomes`].
    """
    return compare_outcomes(*(match_predictions(each, dataset, kind).right for each in (first, second)))


def compare_outcomes(first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Compares two systems by which examples they got right.

    Args:
        first, second: `(examples,)`, boolean, at least one example.

    Returns:
        The accuracies `first` and `second` in percent and their `difference`, first less second, in percentage points,
        each `{"value", "n", "low", "high"}`; the counts `both_right`, `only_first`, `only_second`, `both_wrong`; and
        `p_value` of McNemar's exact test.
    """
    only_first = int((first & ~second).sum())
    only_second = int((second & ~first).sum())
    return {
        "first": estimate(first, ACCURACY.scale),
        "second": estimate(second, ACCURACY.scale),
        "difference": estimate_difference(first, second, ACCURACY.scale),
        "both_right": int((first & second).sum()),
        "only_first": only_first,
        "only_second": only_second,
        "both_wrong": int((~first & ~second).sum()),
        "p_value": mcnemar(only_first, only_second),
    }


def mcnemar(only_first: int, only_second: int) -> float:
    """Exact two-sided p-value: as many coins are thrown as the systems differ on examples; how often so unevenly?"""
    differing = only_first + only_second
    return float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0
