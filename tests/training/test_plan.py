"""What a recipe comes to, before anything is done of it."""

import pytest

from mmcot.configuration import RecipeError
from mmcot.training.plan import make_plan


@pytest.mark.parametrize(
    ("score", "overrides", "message"),
    [
        (
            "accuracy",
            [],
            "rationale.metric_for_best_model is 'accuracy'; use one of loss, conclusion, rouge_l for this model",
        ),
        ("rouge_l", [], "answer.metric_for_best_model is 'rouge_l'; use one of loss, accuracy for this model"),
        (
            "rougeL",
            ["--stages", "joint"],
            "joint.metric_for_best_model is 'rougeL'; use one of loss, conclusion, rouge_l, accuracy",
        ),
        (
            "rouge_l",
            ["--formats", "direct"],
            "one_stage.metric_for_best_model is 'rouge_l'; use one of loss, accuracy",
        ),
    ],
)
def test_best_checkpoint_is_chosen_by_a_score_that_the_model_has(score, overrides, message, tiny_recipe, tmp_path):
    with pytest.raises(RecipeError, match=message):
        make_plan(tiny_recipe(tmp_path, "--training.metric_for_best_model", score, *overrides))


@pytest.mark.parametrize(
    "overrides",
    [
        ["--training.metric_for_best_model", "loss"],
        ["--training.metric_for_best_model", "eval_loss"],
        ["--training.metric_for_best_model", "accuracy", "--rationale.metric_for_best_model", "rouge_l"],
        ["--training.metric_for_best_model", "accuracy", "--rationale.metric_for_best_model", "conclusion"],
        ["--training.metric_for_best_model", "accuracy", "--rationale.eval_strategy", "no"],
        ["--joint.metric_for_best_model", "unused"],
    ],
)
def test_scores_that_the_models_have_are_accepted(overrides, tiny_recipe, tmp_path):
    assert list(make_plan(tiny_recipe(tmp_path, *overrides)).models) == ["rationale", "answer"]
