"""What a run asks of its data set before it starts."""

import json

import pytest

from mmcot.configuration import RecipeError
from mmcot.training.plan import make_plan
from mmcot.training.splits import load_run_splits


@pytest.fixture
def run_splits(tmp_path, tiny_recipe):
    """Function of the fields of a data set's only question and of overrides: the splits that a run of it reads."""

    def make(fields, *overrides):
        question = {"question": "Which?", "choices": ["red", "blue"], "answer": 0, **fields}
        for split in ("train", "test"):
            (tmp_path / f"{split}.jsonl").write_text(f"{json.dumps(question)}\n" * 20, encoding="utf-8")
        recipe = tiny_recipe(tmp_path / "run", "--dataset", str(tmp_path), *overrides)
        return load_run_splits(recipe, make_plan(recipe), print)[0]

    return make


@pytest.mark.parametrize("fields", [{}, {"solution": " "}, {"lecture": "Colours differ."}], ids=str)
@pytest.mark.parametrize("overrides", [(), ("--stages", "joint"), ("--formats", "rationale_answer")], ids=str)
def test_training_without_any_rationale_is_refused_before_it_starts(fields, overrides, run_splits):
    with pytest.raises(RecipeError, match="no problem to train on has a 'solution'"):
        run_splits(fields, *overrides)


@pytest.mark.parametrize(
    ("fields", "overrides"),
    [
        ({"solution": "It is red."}, []),
        ({"lecture": "Colours differ."}, ["--processor.lecture", "true"]),
        ({}, ["--formats", "direct"]),
    ],
    ids=str,
)
def test_training_that_has_what_it_learns_starts(fields, overrides, run_splits):
    assert len(run_splits(fields, *overrides)["train"]) == 18


@pytest.mark.parametrize("overrides", [(), ("--formats", "direct")], ids=str)
def test_questions_without_options_are_trained_on(overrides, run_splits):
    free = {"choices": None, "solution": "There are 42."}
    assert run_splits({**free, "answer": 42}, *overrides)["train"][0]["accepted_answers"] == ["42"]
    with pytest.raises(RecipeError, match="has problems without an answer; leave them out"):
        run_splits({**free, "answer": None}, *overrides)


def test_one_file_is_enough(tmp_path, tiny_recipe):
    rows = [{"question": f"{n}?", "choices": ["a", "b"], "answer": 0, "solution": "It is a."} for n in range(50)]
    (tmp_path / "my.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    recipe, said = tiny_recipe(tmp_path / "run", "--dataset", str(tmp_path / "my.jsonl")), []
    splits = load_run_splits(recipe, make_plan(recipe), said.append)[0]
    assert {name: len(split) for name, split in splits.items()} == {"train": 40, "validation": 5, "test": 5}
    assert len({row["question"] for split in splits.values() for row in split}) == 50
    assert [text.partition(":")[0] for text in said] == [
        "The data set has no split 'validation'",
        "The data set has no split 'test'",
    ]
    other = tiny_recipe(tmp_path / "run", "--dataset", str(tmp_path / "my.jsonl"), "--evaluation.split", "exam")
    with pytest.raises(RecipeError, match="has no split 'exam', only train, validation"):
        load_run_splits(other, make_plan(other), print)
