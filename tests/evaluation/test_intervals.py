"""Intervals and comparisons: by hand, against theory, and what holds for any scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcot.evaluation.comparison import compare_predictions, mcnemar
from mmcot.evaluation.intervals import estimate, estimate_difference

from .labelled import make_examples, right_answers


fractions = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(values=fractions)
def test_intervals_hold_their_value(values):
    score = estimate(values)
    assert 0 <= score["low"] <= score["value"] + 1e-9
    assert score["value"] - 1e-9 <= score["high"] <= 1
    assert score == estimate(values)


def test_intervals_are_as_wide_as_theory_has_them():
    score = estimate(np.arange(1000) % 4 == 0, scale=100)
    assert score["value"] == 25
    half = 196 * np.sqrt(0.25 * 0.75 / 1000)
    assert (score["low"], score["high"]) == pytest.approx((25 - half, 25 + half), abs=0.4)


@pytest.mark.parametrize(("outcome", "n", "low", "high"), [(1, 20, 0.8389, 1), (0, 20, 0, 0.1611), (1, 1, 0.2065, 1)])
def test_all_right_and_all_wrong_are_not_certain(outcome, n, low, high):
    score = estimate([outcome] * n)
    assert (score["low"], score["high"]) == pytest.approx((low, high), abs=1e-4)


def test_equal_fractions_are_as_uncertain_as_the_successes_next_to_them():
    score = estimate([0.3] * 20)
    # Wilson's for 6 of 20; a whole number of successes needs no neighbours.
    assert (score["low"], score["high"]) == pytest.approx((0.1455, 0.5190), abs=1e-4)
    score = estimate([0.5])
    assert (score["low"], score["high"]) == (0, 1)  # half a success of one: none or one


def test_systems_that_never_disagree_may_still_differ():
    same = np.array([True, False] * 10)
    score = estimate_difference(same, same)
    assert score["value"] == 0
    # Bonett and Price: 1.96 * sqrt((1 + 1) / 22 / 22).
    assert (score["low"], score["high"]) == pytest.approx((-0.126, 0.126), abs=1e-3)
    assert estimate_difference(np.ones(5, bool), np.zeros(5, bool))["low"] < 0.9


def test_compare_counts_pairs():
    dataset = make_examples()
    rows = right_answers(dataset)
    result = compare_predictions(rows[:9], rows[2:4] + [{"id": "p11", "choice_index": None}], dataset)
    assert [result[name] for name in ("both_right", "only_first", "only_second", "both_wrong")] == [2, 7, 0, 3]
    assert result["p_value"] == pytest.approx(2 / 2**7)
    assert result["difference"]["value"] == pytest.approx(100 * 7 / 12)
    assert result["difference"]["low"] > 0
    turned = compare_predictions(rows[2:4], rows[:9], dataset)
    assert turned["difference"]["value"] == -result["difference"]["value"]
    assert turned["p_value"] == result["p_value"]


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"), [(0, 0, 1), (1, 0, 1), (5, 5, 1), (1, 9, 22 / 1024), (9, 1, 22 / 1024)]
)
def test_mcnemar_by_hand(only_first, only_second, p):
    assert mcnemar(only_first, only_second) == pytest.approx(p)


def test_mcnemar_of_many_problems():
    # The normal approximation with continuity correction: z = 99 / sqrt(10100).
    assert mcnemar(5100, 5000) == pytest.approx(0.3246, abs=1e-3)
