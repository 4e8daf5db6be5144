"""Scores of pairs that differ in one cue, from SketchQA or of one's own."""

import pytest

from mmcot.data import load_splits
from mmcot.evaluation.report import write_report
from mmcot.evaluation.scores import evaluate
from mmcot.hub_card.tables import pair_table

from .labelled import make_examples, right_answers


@pytest.fixture(scope="module")
def twins():
    return load_splits("sketchqa:train=1,validation=1,pairs=6,size=32")["test"]


def test_a_system_that_sees_gets_both_right_and_says_nothing_wrong(twins, tmp_path):
    rows = right_answers(twins)
    metrics = evaluate(rows, twins)
    pairs = metrics["pairs"]
    flips = [pairs[name]["value"] for name in ("both_right", "answer_flips", "rationale_flips", "contradicted")]
    assert flips == [100, 100, 100, 0]
    assert pairs["both_right"]["n"] == 6
    assert pairs["contradicted"]["n"] >= 12
    choices = twins["choices"][::2]
    assert pairs["chance"] == pytest.approx(100 * sum(1 / len(options) ** 2 for options in choices) / 6)
    write_report(tmp_path, rows, twins, metrics)
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "both right<span>share of the pairs with two right answers</span>" in page
    assert "| both right: share of the pairs with two right answers | 100.0 % |" in pair_table(pairs)


def test_a_blind_system_gives_both_the_same(twins):
    by_pair = {row["pair"]: row for row in reversed(list(twins))}
    blind = [
        {"id": row["id"], "choice_index": seen["answer"], "rationale": seen["solution"]}
        for row in twins
        for seen in [by_pair[row["pair"]]]
    ]
    pairs = evaluate(blind, twins)["pairs"]
    assert [pairs[name]["value"] for name in ("both_right", "answer_flips", "rationale_flips")] == [0, 0, 0]
    assert 25 <= pairs["contradicted"]["value"] <= 50  # of half of the pictures, all but what holds for any


def test_pairs_of_ones_own_need_nothing_but_the_column():
    dataset = make_examples(5, pair=["a", "b", "a", "b", ""], answer=[0, 1, 1, 1, 2])
    rows = [{"id": f"p{i}", "choice_index": choice} for i, choice in enumerate([0, 1, 1, None, 2])]
    pairs = evaluate(rows, dataset)["pairs"]
    assert set(pairs) == {"both_right", "answer_flips", "rationale_flips", "chance"}
    assert (pairs["both_right"]["value"], pairs["both_right"]["n"]) == (50, 2)
    assert pairs["answer_flips"]["value"] == 50
    assert pairs["chance"] == pytest.approx(100 / 9)


@pytest.mark.parametrize("column", [None, [""] * 6, ["x"] * 6, list("abcdef")])
def test_without_pairs_there_are_no_scores_of_them(column):
    assert "pairs" not in evaluate(right_answers(make_examples(6)), make_examples(6, pair=column))
