"""A run at work: what all of its steps share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState

from ..configuration import Recipe, RecipeError
from ..data import load_data
from ..modeling_mmcot import MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import STAGES
from .plan import model_folder, planned_models
from .run_folder import RunFolder


# Of the training split, where the data set has no problems to validate on.
HELD_OUT = 0.1


@dataclass
class Run:
    """What the steps of a run share.

    Args:
        recipe: what is to be done.
        folder: where it is done, and what of it is done already.
        processor: of all its models.
        splits: the problems; what a step adds to them, the next ones read.
        say: told at each step what happens.
        skipped: bad rows of the data set that were left out.
    """

    recipe: Recipe
    folder: RunFolder
    processor: MMCoTProcessor
    splits: datasets.DatasetDict
    say: Callable[[str], None]
    skipped: list[dict[str, Any]] = field(default_factory=list)

    def path(self, model: str) -> Path:
        """Where a model of the run lives."""
        return self.folder.root / model_folder(self.recipe, model)


def load_run_splits(
    recipe: Recipe, say: Callable[[str], None] = print
) -> tuple[datasets.DatasetDict, list[dict[str, Any]]]:
    """The splits that a run reads, `train`, `validation` and the one it is scored on, and the rows left out of them.

    Raises:
        RecipeError: for a data set without training split, with problems that have no answer, or without any of the
            rationales that are to be learned.
    """
    with PartialState().main_process_first():
        data = load_data(recipe.dataset, recipe.data)
    splits, scored = data.splits, recipe.evaluation.split
    if "train" not in splits:
        raise RecipeError(f"{recipe.dataset} has no split 'train' to train on, only {', '.join(splits)}.")
    if "validation" not in splits:
        say("The data set has no split 'validation': a tenth of 'train' takes its place.")
        parts = splits["train"].train_test_split(HELD_OUT, seed=recipe.seed)
        splits["train"], splits["validation"] = parts["train"], parts["test"]
    if scored not in splits:
        raise RecipeError(
            f"{recipe.dataset} has no split {scored!r}, only {', '.join(splits)}; set evaluation.split to one of them."
        )
    limit = min(recipe.evaluation.validation_limit, len(splits["validation"]))
    if scored != "validation":
        splits["validation"] = splits["validation"].select(range(limit))
    splits = datasets.DatasetDict({name: splits[name] for name in ("train", "validation", scored)})
    for name, split in splits.items():
        if None in split["answer"][:]:
            raise RecipeError(
                f"The split {name!r} of {recipe.dataset} has problems without an answer; leave them out."
            )
    require_rationales(recipe, splits["train"])
    return splits, data.skipped


def require_rationales(recipe: Recipe, train: datasets.Dataset) -> None:
    """Refuses a training split without a single rationale for models that are to write some."""
    stages = [STAGES[stage] for model in planned_models(recipe).values() for stage in model]
    columns = ("solution", "lecture") if recipe.processor.lecture else ("solution",)
    texts = (text for column in columns for text in train[column])
    if any(stage.writes_rationale for stage in stages) and not any(map(str.strip, texts)):
        raise RecipeError(
            f"{recipe.dataset}: no problem to train on has a 'solution', the rationale to learn. Name the column that "
            "holds it under data.columns, or train without rationales, with formats: direct."
        )
