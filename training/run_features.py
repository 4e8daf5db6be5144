"""The vision features of a run: those that its training reads, found or computed, ahead of it if wanted."""

import tempfile
from collections.abc import Callable, Iterator

import datasets
from transformers import set_seed

from ..configuration import Recipe
from ..inference.features import FeatureCache
from ..inference.image_hashes import replace_images_by_hashes
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import RATIONALE
from .origin import Origin, find_origin
from .parts import build_processor, build_start, starting_seed
from .plan import Plan, make_plan
from .run import Run
from .splits import load_run_splits


def frozen_features(run: Run, model: MMCoTForConditionalGeneration) -> FeatureCache | None:
    """The features of all pictures of the run, if the model's tower is frozen and the recipe wants them kept."""
    if model.vision_tower is None or not model.config.freeze_vision or not run.recipe.model.cache_features:
        return None
    cache = FeatureCache.open(model, run.processor)
    for split in run.splits.values():
        cache.fill(split)
    return cache


def without_unread_images(
    dataset: datasets.Dataset, model: MMCoTForConditionalGeneration, features: FeatureCache | None
) -> datasets.Dataset:
    """The data set without pictures for a model that has their features, or no eyes."""
    if features is not None:
        return replace_images_by_hashes(dataset)
    return dataset.remove_columns("image") if model.vision_tower is None else dataset


def fill_features(recipe: Recipe, say: Callable[[str], None] = print) -> None:
    """Computes the features of all pictures of a recipe ahead of its training, which then finds them.

    Raises:
        ValueError: for a recipe whose training would not look for them.
    """
    if not recipe.model.cache_features:
        raise ValueError("model.cache_features is false, so the training would not read the features; set it to true.")
    origin = find_origin(recipe)
    plan = make_plan(recipe, origin)
    splits, _ = load_run_splits(recipe, plan, say)
    with tempfile.TemporaryDirectory() as folder:
        # Saved and loaded, as the run has it: where torchvision is installed, another image processor comes back.
        build_processor(recipe, origin, splits["train"]).save_pretrained(folder)
        processor = MMCoTProcessor.from_pretrained(folder)
    for model in models_before_training(recipe, origin, plan, processor):
        if model.config.image_feature_size == 0:  # it reads no pictures
            continue
        cache = FeatureCache.open(model, processor)
        for name, split in splits.items():
            cache.fill(split)
            say(f"The features of {name} are in {cache.folder}.")


def models_before_training(
    recipe: Recipe, origin: Origin | None, plan: Plan, processor: MMCoTProcessor
) -> Iterator[MMCoTForConditionalGeneration]:
    """Each model that a run builds, as it is before its training. A tower from scratch is another one in each."""
    if plan.has_adapters:
        set_seed(recipe.seed)
        (first, *_) = plan.models.values()
        yield build_start(recipe, origin, first, processor.tokenizer).to(recipe.training[RATIONALE].device)
        return
    for name, stages in plan.models.items():
        arguments = recipe.training[name]
        if name == RATIONALE or arguments.start_from != RATIONALE:
            set_seed(starting_seed(arguments, name))
            model = build_start(recipe, origin, stages, processor.tokenizer, arguments.gate_bias)
            yield model.to(arguments.device)
