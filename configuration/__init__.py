"""What a user edits: recipes (YAML) and the dataclasses they are checked against."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..modeling_mmcot import MMCoTConfig
from .annotations import RecipeError
from .arguments import (
    DataArguments,
    EvaluationArguments,
    HubArguments,
    LoraArguments,
    ModelArguments,
    ProcessorArguments,
)


if TYPE_CHECKING:
    from .recipe import Recipe, load_recipe
    from .training_arguments import StageArguments


__all__ = [
    "DataArguments",
    "EvaluationArguments",
    "HubArguments",
    "LoraArguments",
    "MMCoTConfig",
    "ModelArguments",
    "ProcessorArguments",
    "Recipe",
    "RecipeError",
    "StageArguments",
    "load_recipe",
]

# Imported on first use: the arguments of training bring the Trainer's libraries, which nothing else needs.
LATER = {"Recipe": ".recipe", "load_recipe": ".recipe", "StageArguments": ".training_arguments"}


def __getattr__(name: str) -> Any:
    if name in LATER:
        return getattr(import_module(LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
