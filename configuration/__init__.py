"""What a user edits: recipes (YAML) and the dataclasses they are checked against."""

from ..modeling_mmcot import MMCoTConfig
from .annotations import RecipeError
from .arguments import (
    DataArguments,
    EvaluationArguments,
    HubArguments,
    LoraArguments,
    ModelArguments,
    ProcessorArguments,
    StageArguments,
)
from .recipe import Recipe, load_recipe


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
