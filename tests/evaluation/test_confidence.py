"""Whether confidences are worth their name."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcot.evaluation.confidence import auroc, fit_temperature, score_confidences
from mmcot.evaluation.files import headline
from mmcot.evaluation.predictions import read_guess
from mmcot.evaluation.scores import evaluate


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0, 60.0])
def test_temperature_that_outcomes_were_drawn_with_is_found(temperature):
    random = np.random.default_rng(0)
    logarithms = -random.exponential(temperature, size=20000)
    right = random.random(20000) < np.exp(logarithms / temperature)
    assert fit_temperature(logarithms, right) == pytest.approx(temperature, rel=0.05)


def test_few_answers_move_it_little():
    hits = [True] * 24 + [False]
    assert 1 < fit_temperature([-0.3] * 25, hits) < fit_temperature([-0.3] * 2500, hits * 100) < 10


def test_too_few_answers_say_nothing():
    assert fit_temperature([-0.5] * 19 + [None] * 50, [True] * 69) is None
    assert fit_temperature([-0.5] * 20 + [None] * 50, [True] * 69 + [False]) is not None


@pytest.mark.parametrize("right", [True, False])
def test_one_sided_outcomes_give_a_number(right):
    temperature = fit_temperature([-0.1 * n for n in range(30)], [right] * 30)
    assert 0.05 <= temperature <= 1000


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30).filter(
        lambda rows: len({hit for _, hit in rows}) == 2
    )
)
def test_auroc_counts_pairs(rows):
    sure, hits = np.array([value / 5 for value, _ in rows]), np.array([hit for _, hit in rows])
    pairs = [(a > b) + (a == b) / 2 for a in sure[hits] for b in sure[~hits]]
    assert auroc(sure, hits) == pytest.approx(np.mean(pairs))


def test_scores_by_hand():
    guesses = [{"confidence": value} for value in (0.95, 0.95, 0.55, 0.15, None)] + [None]
    right = np.array([True, False, True, False, True, False])
    scores = score_confidences(guesses, right)
    assert scores["n"] == 4
    assert scores["mean"] == pytest.approx(0.65)
    # Three bins: two at 0.95 of which half are right, one at 0.55 that is, one at 0.15 that is not.
    assert scores["calibration_error"] == pytest.approx(100 * (2 * 0.45 + 0.45 + 0.15) / 4)
    assert scores["auroc"] == pytest.approx((0.5 + 1 + 0 + 1) / 4)
    assert [(each["n"], each["accuracy"]) for each in scores["reliability"]] == [(1, 0), (1, 1), (2, 0.5)]
    assert scores["coverage"][0] == {"coverage": 0.25, "accuracy": 0.5}  # of two that are equally sure
    assert scores["coverage"][-1] == {"coverage": 1, "accuracy": 0.5}
    json.dumps(scores, allow_nan=False)


def test_certainty_and_its_absence():
    assert score_confidences([{"confidence": None}], np.array([True])) == {}
    scores = score_confidences([{"confidence": 1.0}, {"confidence": 0.0}], np.array([True, True]))
    assert scores["auroc"] is None
    assert scores["calibration_error"] == 50


@pytest.mark.parametrize("value", [1.2, -0.1, "0.5", True, [0.5], float("nan"), 10**400])
def test_confidence_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match=r"The prediction for '7' has the confidence .*; use a number from 0 to 1"):
        read_guess({"id": "7", "choice_index": 0, "confidence": value}, ["a", "b"])


def test_evaluation_says_how_far_confidences_can_be_trusted(test_split):
    right = [{"id": row["id"], "choice_index": row["answer"]} for row in test_split.remove_columns("image")]
    assert evaluate(right, test_split)["confidence"] == {}
    sure = [row | {"confidence": 0.9} for row in right]
    metrics = evaluate(sure, test_split)
    assert metrics["confidence"]["calibration_error"] == pytest.approx(10)
    assert "Confidences are off by 10.0 points on average." in headline(metrics)
    wrong = sure[0] | {"choice_index": None, "confidence": 0.1}
    assert "AUROC of 1.000" in headline(evaluate([wrong, *sure[1:]], test_split))
