"""The splits that a run reads, checked before anything is trained."""

from collections.abc import Callable
from typing import Any

import datasets
from accelerate import PartialState

from ..configuration import Recipe, RecipeError
from ..data import has_answers, load_data
from ..modeling_mmcot.stage_records_mmcot import STAGES
from .plan import Plan


# Of the training split, for each of these that the data set does not have.
HELD_OUT = 0.1
REPLACED = ("validation", "test")


def load_run_splits(
    recipe: Recipe, plan: Plan, say: Callable[[str], None]
) -> tuple[datasets.DatasetDict, list[dict[str, Any]]]:
    """`train`, `validation` and the split that the run is scored on, and the rows that were left out of them.

    Raises:
        RecipeError: for a data set that cannot be trained on as the recipe says.
    """
    with PartialState().main_process_first():
        data = load_data(recipe.dataset, recipe.data)
    splits = choose_splits(data.splits, recipe, say)
    for name, split in splits.items():
        if not all(has_answers(split)):
            raise RecipeError(
                f"The split {name!r} of {recipe.dataset} has problems without an answer; leave them out."
            )
    require_rationales(splits["train"], recipe, plan)
    return splits, data.skipped


def choose_splits(splits: datasets.DatasetDict, recipe: Recipe, say: Callable[[str], None]) -> datasets.DatasetDict:
    """Those of a data set that the run reads."""
    scored = recipe.evaluation.split
    if "train" not in splits:
        raise RecipeError(f"{recipe.dataset} has no split 'train' to train on, only {', '.join(splits)}.")
    for name in REPLACED:
        if name not in splits and name in ("validation", scored):
            say(f"The data set has no split {name!r}: a tenth of 'train' takes its place.")
            parts = splits["train"].train_test_split(HELD_OUT, seed=recipe.seed)
            splits["train"], splits[name] = parts["train"], parts["test"]
    if scored not in splits:
        raise RecipeError(
            f"{recipe.dataset} has no split {scored!r}, only {', '.join(splits)}; set evaluation.split to one of them."
        )
    limit = min(recipe.evaluation.validation_limit, len(splits["validation"]))
    if scored != "validation":
        splits["validation"] = splits["validation"].select(range(limit))
    return datasets.DatasetDict({name: splits[name] for name in ("train", "validation", scored)})


def require_rationales(train: datasets.Dataset, recipe: Recipe, plan: Plan) -> None:
    """Refuses to train rationales on a split that has none."""
    learned = [STAGES[stage] for stages in plan.models.values() for stage in stages]
    columns = ["solution", "lecture"] if recipe.processor.lecture else ["solution"]
    if not any(stage.writes_rationale for stage in learned):
        return
    if not any(text.strip() for column in columns for text in train[column]):
        raise RecipeError(
            f"{recipe.dataset}: no problem to train on has a 'solution', the rationale to learn. Name the column that "
            "holds it under data.columns, or train without rationales, with formats: direct."
        )
