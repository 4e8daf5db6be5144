"""What a user edits: recipes (YAML) and the dataclasses they are checked against."""

from importlib import import_module
from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
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

# Imported on first use: arguments bring transformers, those of training the Trainer's libraries, which nobody needs to
# read a file or to find a model.
PLACES = {
    "..modeling_mmcot": ["MMCoTConfig"],
    ".annotations": ["RecipeError"],
    ".arguments": [name for name in __all__ if name.endswith("Arguments") and name != "StageArguments"],
    ".recipe": ["Recipe", "load_recipe"],
    ".training_arguments": ["StageArguments"],
}
LATER = {name: module for module, names in PLACES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in LATER:
        return getattr(import_module(LATER[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
