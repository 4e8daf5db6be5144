"""Scores by hand, against the packages they follow, and what holds for any texts."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcot.evaluation.metrics import (
    bleu,
    chance,
    common_length,
    common_words,
    rationale_scores,
    rouge_l_official,
)


# By the packages rouge 1.0.1 (reference first, as the official code has it), rouge-score 0.1.2 and nltk 3.10.4.
BY_PACKAGES = (Path(__file__).with_name("rationale_metrics.jsonl")).read_text(encoding="utf-8").splitlines()

words = st.lists(st.sampled_from(["the", "red", "cat", "sat", "mat"]), min_size=1, max_size=12)
sentences = words.map(" ".join)
texts = st.text(st.sampled_from("ab .,é\n"), max_size=30)


@pytest.mark.parametrize("row", [json.loads(line) for line in BY_PACKAGES], ids=lambda row: row["prediction"][:12])
def test_rationale_scores_are_those_of_the_packages(row):
    scores = rationale_scores(row["prediction"], row["reference"])
    assert scores == pytest.approx({name: row[name] for name in scores}, abs=1e-9)


def test_rationale_scores_match_the_golden_data(shared_dir):
    lines = (shared_dir / "golden" / "rationale_metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 60
    for row in map(json.loads, lines):
        row["rouge_l"] = row["rouge_l_official"]
        scores = rationale_scores(row["prediction"], row["reference"])
        assert scores == pytest.approx({name: row[name] for name in scores}, abs=1e-6)


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        # Three shared words of three and four; 2 * 3 / (3 + 4).
        ("the cat sat", "the red cat sat", 6 / 7),
        # "the gunman": order matters within a sentence.
        ("the gunman kill police", "police killed the gunman", 0.5),
        # Not between sentences.
        ("it sat. a cat came", "a cat came. it sat", 1.0),
        # A word counts once.
        ("a a a", "a", 1.0),
        ("The cat", "the cat", 0.5),
        ("the  cat\nsat", "the cat sat", 1.0),
        ("red", "blue", 0.0),
        ("", "blue", 0.0),
        ("blue", "", 0.0),
        ("...", "...", 0.0),
    ],
)
def test_rouge_l_by_hand(prediction, reference, score):
    assert rouge_l_official(prediction, reference) == pytest.approx(score, abs=1e-7)


@pytest.mark.parametrize(
    ("prediction", "reference", "scores"),
    [
        ("a b c d", "a b c d", (1, 1)),
        # Half the words, of a text long enough.
        ("a b x y", "a b c d", (0.5, 0)),
        # All words, but half as many: exp(1 - 4 / 2).
        ("a b", "a b c d", (0.36787944, 0)),
        ("", "a b", (0, 0)),
        ("a", "", (0, 0)),
        ("...", "a.", (0, 0)),
    ],
)
def test_bleu_by_hand(prediction, reference, scores):
    found = [bleu(prediction, reference, longest) for longest in (1, 4)]
    assert found == pytest.approx(scores, abs=1e-7)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(first=words, second=words)
def test_common_words_are_as_many_as_the_common_subsequence_allows(first, second):
    length = common_length(first, second)
    assert length == common_length(second, first)
    assert common_length(first, first) == len(first)
    assert len(common_words(first, second)) <= length <= min(len(first), len(second))
    assert (length == 0) == (not set(first) & set(second))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(first=texts, second=texts)
def test_scores_of_any_texts_are_fractions(first, second):
    assert all(0 <= score <= 1 for score in rationale_scores(first, second).values())


@settings(derandomize=True, deadline=None, max_examples=50)
@given(text=sentences)
def test_a_text_is_most_like_itself(text):
    scores = rationale_scores(text, text)
    assert scores["rougeL"] == scores["bleu1"] == 1
    assert scores["rouge_l"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("choices", "percent"), [([["a", "b"]], 50), ([["a", "b"], ["a", "b", "c", "d"]], 37.5), ([["a"]], 100)]
)
def test_chance_is_the_mean_over_problems(choices, percent):
    assert chance(choices) == pytest.approx(percent)
