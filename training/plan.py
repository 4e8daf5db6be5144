"""Which models a recipe trains, what each learns, and where in the repository it ends."""

from ..configuration import Recipe
from ..configuration.recipe import ONE_STAGE
from ..modeling_mmcot.configuration_mmcot import ANSWER, RATIONALE, ROOT_FOLDER


JOINT = "joint"


def planned_models(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """Names of the models in the order they are trained, with the stages that each learns.

    The answer model follows the rationale model, which an earlier run may have trained.
    """
    if recipe.formats:
        return {ONE_STAGE: (recipe.formats,)}
    if recipe.mode == JOINT:
        return {JOINT: (RATIONALE, ANSWER)}
    names = (RATIONALE,) if recipe.mode == RATIONALE else (RATIONALE, ANSWER)
    return {name: (name,) for name in names}


def has_adapters(recipe: Recipe) -> bool:
    """Whether the repository is a base with adapters, not whole models."""
    return recipe.lora is not None and not recipe.lora.merge


def model_folder(recipe: Recipe, name: str) -> str:
    """A model's folder in the repository. The answer model of two has its own; beside a base, every adapter has."""
    return name if has_adapters(recipe) or name == ANSWER else ROOT_FOLDER


def repository_stages(recipe: Recipe) -> dict[str, str]:
    """Folder of each stage, as `MMCoTConfig.stages` wants it."""
    models = planned_models(recipe)
    return {stage: model_folder(recipe, name) for name, stages in models.items() for stage in stages}
