"""Means with their 95 % intervals."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


RESAMPLES = 2000
BATCH = 100  # so many resamples are drawn together, which bounds the memory
SEED = 0
Z = 1.96  # standard deviations that hold 95 % of a normal distribution


def estimate(values: Sequence[float] | np.ndarray, scale: float = 1) -> dict[str, float]:
    """Mean of fractions with its 95 % interval.

    The interval is that of a seeded percentile bootstrap of 2,000 resamples. Where all values are equal, as at 100 %
    right, every resample is the same and the bootstrap would claim certainty: the interval is Wilson's instead.

    Args:
        values: at least one, from 0 to 1.
        scale: 100 for percentages.

    Returns:
        `{"value", "n", "low", "high"}`.
    """
    values = np.asarray(values, dtype=float)
    low, high = bootstrap(values) if np.ptp(values) else wilson(values[0], len(values))
    return entry(values.mean(), len(values), low, high, scale)


def estimate_difference(first: np.ndarray, second: np.ndarray, scale: float = 1) -> dict[str, float]:
    """Mean difference of paired outcomes, first less second, with its 95 % interval, as [`estimate`] gives it.

    The bootstrap draws pairs. Where all pairs differ alike, as between two systems that never disagree, the interval
    is Bonett and Price's (2012) instead.

    Args:
        first, second: `(examples,)`, boolean.
    """
    difference = np.subtract(first, second, dtype=float)
    low, high = bootstrap(difference) if np.ptp(difference) else bonett_price(difference[0], len(difference))
    return entry(difference.mean(), len(difference), low, high, scale)


def entry(value: float, n: int, low: float, high: float, scale: float) -> dict[str, float]:
    """The form in which every score is reported."""
    return {"value": scale * float(value), "n": n, "low": scale * float(low), "high": scale * float(high)}


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of `values (n,)`."""
    drawn = stats.bootstrap((values,), np.mean, n_resamples=RESAMPLES, batch=BATCH, method="percentile", rng=SEED)
    return drawn.confidence_interval


def wilson(share: float, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share of n.

    It is one of whole successes. Where `share` is a mean of scores between 0 and 1, the interval reaches from the low
    end for the next fewer to the high end for the next more.
    """
    successes = n * min(max(share, 0.0), 1.0)
    fewer = stats.binomtest(math.floor(successes), n).proportion_ci(method="wilson")
    more = stats.binomtest(math.ceil(successes), n).proportion_ci(method="wilson")
    return fewer.low, more.high


def bonett_price(difference: float, n: int) -> tuple[float, float]:
    """95 % interval of the difference of paired outcomes, all pairs alike: Wald's, with one more pair of each kind."""
    first, second = ((n * (difference == sign) + 1) / (n + 2) for sign in (1, -1))
    spread = Z * math.sqrt((first + second - (first - second) ** 2) / (n + 2))
    return max(-1.0, first - second - spread), min(1.0, first - second + spread)
