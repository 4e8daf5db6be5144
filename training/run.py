"""A run at work: what all of its steps share, and what is there before the first of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState
from transformers import set_seed

from ..configuration import Recipe, RecipeError
from ..inference.generation import UNCALIBRATED
from ..modeling_mmcot import MMCoTProcessor
from ..modeling_mmcot.confidence_mmcot import Temperatures
from .crop import describe_crop
from .origin import Origin, find_origin
from .parts import build_processor, build_start
from .plan import Plan, make_plan
from .run_folder import RunFolder
from .splits import load_run_splits


ORIGIN_FILE = "run/origin.json"


@dataclass
class Run:
    """What the steps of a run share.

    Args:
        recipe: what is to be done.
        origin: what its models start from, if that is a trained folder.
        plan: which models that takes.
        folder: where it is done, and what of it is done already.
        processor: of all its models.
        splits: the examples; what a step adds to them, the next ones read.
        skipped: bad rows of the data set that were left out.
        say: told at each step what happens.
        temperatures: of the confidences in its answers, once they are fitted.
    """

    recipe: Recipe
    origin: Origin | None
    plan: Plan
    folder: RunFolder
    processor: MMCoTProcessor
    splits: datasets.DatasetDict
    skipped: list[dict[str, Any]]
    say: Callable[[str], None]
    temperatures: Temperatures = UNCALIBRATED

    def path(self, model: str) -> Path:
        """Where a model of the run lives."""
        return self.folder.root / self.plan.folder(model)

    @property
    def scored(self) -> datasets.Dataset:
        """The split that the run is scored on."""
        return self.splits[self.recipe.evaluation.split]


def open_run(recipe: Recipe, folder: RunFolder, say: Callable[[str], None]) -> Run:
    """Opens the data; makes the processor and, under adapters, their base, or takes those of an earlier call.

    Raises:
        RecipeError: for data or models that the recipe needs and that are not there.
    """
    origin = find_origin_of_run(recipe, folder)
    plan = make_plan(recipe, origin)
    if recipe.lora is not None and plan.merges_adapters and recipe.lora.merge is None:
        say("Each stage goes on from a model of its own, so the adapters end as parts of two whole models.")
    if recipe.mode in plan.models:
        require_models_before(recipe.mode, plan, folder)
    splits, skipped = load_run_splits(recipe, plan, say)
    if not folder.finished("processor"):
        if PartialState().is_main_process:
            build_processor(recipe, origin, splits["train"]).save_pretrained(folder.root)
        folder.finish("processor")
    processor = MMCoTProcessor.from_pretrained(folder.root)
    if plan.has_adapters and not folder.finished("base"):
        save_base(recipe, origin, plan, folder, processor)
        folder.finish("base")
    loss = describe_crop(processor.image_processor, splits["train"]) if recipe.model.vision_model else ""
    if loss:
        say(loss)
    return Run(recipe, origin, plan, folder, processor, splits, skipped, say)


def find_origin_of_run(recipe: Recipe, folder: RunFolder) -> Origin | None:
    """What a run goes on from; of a repository of the Hub, the commit that the first call found."""
    noted = folder.read_json(ORIGIN_FILE) if (folder.root / ORIGIN_FILE).is_file() else {}
    origin = find_origin(recipe, noted.get("commit"))
    if origin is not None and not noted:
        folder.write_json(ORIGIN_FILE, {"commit": origin.repository.revision})
    return origin


def require_models_before(last: str, plan: Plan, folder: RunFolder) -> None:
    """Refuses to train one model alone where those that it follows are missing."""
    for model in plan.models:
        if model != last and not folder.finished(model):
            raise RecipeError(f"{folder.root} has no {model} model yet. Train it first, with stages: {model} or both.")


def save_base(recipe: Recipe, origin: Origin | None, plan: Plan, folder: RunFolder, processor: MMCoTProcessor) -> None:
    """The model that all adapters share, at the root of the repository."""
    set_seed(recipe.seed)
    (first, *_) = plan.models.values()
    base = build_start(recipe, origin, first, processor.tokenizer)
    base.config.stages = plan.stages
    folder.require_space(4 * base.num_parameters())
    if PartialState().is_main_process:
        base.save_pretrained(folder.root)
