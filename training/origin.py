"""The trained folder that a recipe goes on from: `model.from`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..configuration import ModelArguments, Recipe, RecipeError
from ..configuration.recipe import read_section
from ..configuration.recipe_file import ORIGIN
from ..configuration.repository import Repository, find_repository
from ..inference.load import load_processor, load_stage
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import RATIONALE


@dataclass(frozen=True)
class Origin:
    """A trained folder, or a repository of the Hub at one commit.

    Args:
        repository: what it holds.
        changes: fields of its models' configurations that are to be others from now on.
        words: settings of its processor that are to be others from now on.
    """

    repository: Repository
    changes: dict[str, Any]
    words: dict[str, Any]

    def folder(self, stages: Sequence[str]) -> str:
        """Where in it the model lies that has learned these stages.

        Raises:
            RecipeError: where there is none.
        """
        name, folders = self.repository.name, self.repository.stages
        for stage in stages:
            if stage not in folders:
                there = f"{name} has learned {' and '.join(folders)}, not {stage}"
                remedy = f"; choose stages or formats that it has, or {stage}.start_from: {RATIONALE}"
                raise RecipeError(f"{ORIGIN}: {there}{remedy if RATIONALE in folders else ''}.")
        first, *others = {folders[stage]: None for stage in stages}
        if others:
            raise RecipeError(f"{ORIGIN}: {name} has a model for each stage, not one for both; use stages: both.")
        return first

    def model(self, stages: Sequence[str]) -> MMCoTForConditionalGeneration:
        """The model that has learned these stages, whole: an adapter is added to its base."""
        self.folder(stages)
        return load_stage(self.repository, stages[0], **self.changes)

    def processor(self) -> MMCoTProcessor:
        """Its processor, with its tokenizer."""
        processor = load_processor(self.repository)
        for name, value in self.words.items():
            setattr(processor, name, value)
        return processor


def find_origin(recipe: Recipe, commit: str | None = None) -> Origin | None:
    """The folder that a recipe goes on from, if it does.

    Args:
        commit: of a repository of the Hub, where an earlier call has found it.

    Raises:
        ValueError: for one that is not there or not whole, or that the run itself writes.
    """
    model = recipe.model
    if model.origin is None:
        return None
    folder = Path(model.origin).expanduser()
    if folder.is_dir() and model.revision is not None:
        raise RecipeError(f"model.revision is that of a Hub id, and {folder} is a folder here; leave revision out.")
    if folder.is_dir() and folder.resolve() == Path(recipe.output_dir).resolve():
        raise RecipeError(f"{ORIGIN} and output_dir are both {folder}; choose another output_dir.")
    repository = find_repository(model.origin, commit or model.revision)
    repository.require_whole()
    if repository.on_hub:  # the library's cache has a folder for each commit
        repository = replace(repository, revision=repository.folder.name)
    return Origin(repository, changed_fields(model, recipe), read_section(recipe.settings, "processor"))


def changed_fields(model: ModelArguments, recipe: Recipe) -> dict[str, Any]:
    """Fields of the configuration that a recipe changes. A tower that gets no adapter is not trained under `lora`."""
    frozen = {} if recipe.lora is None else {"freeze_vision": True}
    return {**model.config, **frozen}
