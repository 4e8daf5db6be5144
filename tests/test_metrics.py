"""Scores by hand, and what holds for any texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcot.training.metrics import accuracy, chance, rouge_l


words = st.lists(st.sampled_from(["the", "red", "cat", "sat", "mat"]), min_size=1, max_size=12).map(" ".join)


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        # Longest common subsequence of 3 words; 2 * 3 / (3 + 4).
        ("the cat sat", "the red cat sat", 6 / 7),
        # "the gunman": order matters.
        ("the gunman kill police", "police killed the gunman", 0.5),
        ("a b c d", "d c b a", 0.25),
        ("a a a", "a", 0.5),
        ("The Cat.", "the cat", 1.0),
        ("the  cat\nsat", "the cat sat", 1.0),
        ("red", "blue", 0.0),
        ("", "blue", 0.0),
        ("blue", "", 0.0),
        ("", "", 0.0),
    ],
)
def test_rouge_l_by_hand(prediction, reference, score):
    assert rouge_l(prediction, reference) == pytest.approx(score)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(first=words, second=words)
def test_rouge_l_is_a_symmetric_similarity(first, second):
    score = rouge_l(first, second)
    assert 0 <= score <= 1
    assert score == rouge_l(second, first)
    assert (score == 1) == (first == second)
    assert (score == 0) == (not set(first.split()) & set(second.split()))
    assert rouge_l(first, first) == 1


@pytest.mark.parametrize(
    ("predicted", "expected", "percent"),
    [
        ([0, 1, 2], [0, 1, 2], 100),
        ([0, 1, 1, 0], [0, 1, 2, 3], 50),
        ([None, 0], [0, 0], 50),
        ([None, None], [0, 1], 0),
    ],
)
def test_accuracy_counts_the_unparsed_as_wrong(predicted, expected, percent):
    assert accuracy(predicted, expected) == percent


def test_accuracy_refuses_lists_of_different_length():
    with pytest.raises(ValueError, match="argument 2 is longer"):
        accuracy([0], [0, 1])


@pytest.mark.parametrize(
    ("choices", "percent"), [([["a", "b"]], 50), ([["a", "b"], ["a", "b", "c", "d"]], 37.5), ([["a"]], 100)]
)
def test_chance_is_the_mean_over_problems(choices, percent):
    assert chance(choices) == pytest.approx(percent)
