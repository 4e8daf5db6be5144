"""What a run asks of its data set before it starts."""

import json

import pytest

from mmcot.configuration import RecipeError
from mmcot.training.run import load_run_splits


@pytest.fixture
def recipe_for(tmp_path, tiny_recipe):
    """Function of the fields of a data set's only question and of overrides: a recipe that trains on it."""

    def make(fields, *overrides):
        question = {"question": "Which?", "choices": ["red", "blue"], "answer": 0, **fields}
        for split in ("train", "test"):
            (tmp_path / f"{split}.jsonl").write_text(f"{json.dumps(question)}\n" * 20, encoding="utf-8")
        return tiny_recipe(tmp_path / "run", "--dataset", str(tmp_path), *overrides)

    return make


@pytest.mark.parametrize("fields", [{}, {"solution": " "}, {"lecture": "Colours differ."}], ids=str)
def test_training_without_any_rationale_is_refused_before_it_starts(fields, recipe_for):
    with pytest.raises(RecipeError, match="no problem to train on has a 'solution'"):
        load_run_splits(recipe_for(fields))


@pytest.mark.parametrize(
    ("fields", "overrides"),
    [
        ({"solution": "It is red."}, []),
        ({"lecture": "Colours differ."}, ["--processor.lecture", "true"]),
        ({}, ["--formats", "direct"]),
    ],
    ids=str,
)
def test_training_that_has_what_it_learns_starts(fields, overrides, recipe_for):
    splits, _ = load_run_splits(recipe_for(fields, *overrides))
    assert len(splits["train"]) == 18
