"""Which models a recipe trains, what each learns, and where in the repository it ends."""

from ..configuration import Recipe
from ..configuration.recipe import ONE_STAGE
from ..modeling_mmcot.configuration_mmcot import CHAIN, STAGES


BOTH, JOINT = "both", "joint"


def planned_models(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Names of the models in the order they are trained, with the stages that each learns.

    A model of one stage follows those of the stages before it, which an earlier run may have trained.
    """
    if recipe.formats:
        return {ONE_STAGE: (recipe.formats,)}
    if recipe.mode == JOINT:
        return {JOINT: CHAIN}
    last = CHAIN[-1] if recipe.mode == BOTH else recipe.mode
    return {stage: (stage,) for stage in CHAIN[: CHAIN.index(last) + 1]}


def has_adapters(recipe: Recipe) -> bool:
    """Whether the repository is a base with adapters, not whole models."""
    return recipe.lora is not None and not recipe.lora.merge


def model_folder(recipe: Recipe, name: str) -> str:
    """A model's folder in the repository: that of its first stage, or beside a base one of its own name."""
    return name if has_adapters(recipe) else STAGES[planned_models(recipe)[name][0]].folder


def repository_stages(recipe: Recipe) -> dict[str, str]:
    """Folder of each stage, as `MMCoTConfig.stages` wants it."""
    models = planned_models(recipe)
    return {stage: model_folder(recipe, name) for name, stages in models.items() for stage in stages}
