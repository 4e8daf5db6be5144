"""Recipes: a YAML file, overridden by the command line, as checked dataclasses."""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from .arguments import DataArguments, EvaluationArguments, ModelArguments, ProcessorArguments, StageArguments


class RecipeLoader(yaml.SafeLoader):
    """YAML in which, as in YAML 1.2, `1e-3` is a number and `no` a word (`eval_strategy: no`)."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


RecipeLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))
RecipeLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?$"),
    list("-+0123456789."),
)


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the key and says what to do."""


@dataclass
class Recipe:
    """A whole two-stage run.

    Args:
        output_dir: run folder, which becomes a Hub repository.
        dataset: data set spec, for instance `sketchqa:train=20000`.
        seed: of data, weights and training.
        data, model, processor, evaluation: see their dataclasses.
        rationale, answer: training of the two stages; both start from the section `training`.
        settings: the resolved recipe as plain data.
    """

    output_dir: str
    dataset: str
    seed: int
    data: DataArguments
    model: ModelArguments
    processor: ProcessorArguments
    rationale: StageArguments
    answer: StageArguments
    evaluation: EvaluationArguments
    settings: dict[str, Any]


PLAIN_KEYS = {"output_dir": str, "dataset": str, "seed": int}
SECTIONS = {
    "data": DataArguments,
    "model": ModelArguments,
    "processor": ProcessorArguments,
    "evaluation": EvaluationArguments,
}
STAGE_SECTIONS = ("training", "rationale", "answer")


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path: YAML file.
        overrides: words of the command line, `--seed 1 --rationale.max_steps 100`.

    Raises:
        RecipeError: for anything that is missing, unknown or of the wrong type.
    """
    path = Path(path)
    if not path.is_file():
        raise RecipeError(f"There is no recipe {path}; give the path of a YAML file.")
    try:
        settings = yaml.load(path.read_text(encoding="utf-8"), RecipeLoader)
    except yaml.YAMLError as error:
        raise RecipeError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(settings, dict):
        raise RecipeError(f"{path} must hold 'key: value' lines.")
    apply_overrides(settings, overrides)
    return build_recipe(settings)


def apply_overrides(settings: dict[str, Any], overrides: Sequence[str]) -> None:
    """Puts `--section.key value` words into the settings; a value is read as YAML."""
    words = [part for word in overrides for part in (word.split("=", 1) if word.startswith("--") else [word])]
    if len(words) % 2 or not all(word.startswith("--") for word in words[::2]):
        raise RecipeError(f"Overrides come as --key value pairs; cannot read {' '.join(overrides)!r}.")
    for key, value in zip(words[::2], words[1::2], strict=True):
        *sections, name = key.removeprefix("--").split(".")
        target = settings
        for section in sections:
            target = target.setdefault(section, {})
        target[name] = yaml.load(value, RecipeLoader)


def build_recipe(settings: dict[str, Any]) -> Recipe:
    """Checks plain settings and makes the dataclasses of them."""
    check_keys("", settings, [*PLAIN_KEYS, *SECTIONS, *STAGE_SECTIONS])
    for key in ("output_dir", "dataset", "model"):
        if settings.get(key) is None:
            raise RecipeError(f"The recipe needs {key}.")
    seed = settings.setdefault("seed", 0)
    check_types("", {key: settings[key] for key in PLAIN_KEYS}, PLAIN_KEYS)
    sections = {name: build_section(name, kind, read_section(settings, name)) for name, kind in SECTIONS.items()}
    shared, *own_sections = (read_section(settings, name) for name in STAGE_SECTIONS)
    stages = {}
    for name, own in zip(STAGE_SECTIONS[1:], own_sections, strict=True):
        own = {
            "seed": seed,
            **shared,
            **own,
            "output_dir": str(Path(settings["output_dir"], "run", "checkpoints", name)),
        }
        stages[name] = build_section(name, StageArguments, own)
    return Recipe(**{key: settings[key] for key in PLAIN_KEYS}, **sections, **stages, settings=settings)


def read_section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """What the recipe says under one heading; nothing where the heading is absent or empty."""
    section = settings.get(name) or {}
    if not isinstance(section, dict):
        raise RecipeError(f"{name} must be a section of 'key: value' lines.")
    return section


def build_section(name: str, kind: type, values: dict[str, Any]) -> Any:
    """One dataclass, with errors in the recipe's terms."""
    known = {entry.name: entry for entry in fields(kind) if entry.init}
    check_keys(name, values, known)
    hints = get_type_hints(kind)
    check_types(name, values, hints)
    missing = [key for key, entry in known.items() if entry.default is MISSING and entry.default_factory is MISSING]
    absent = [key for key in missing if key not in values]
    if absent:
        raise RecipeError(f"{name} needs {absent[0]}.")
    try:
        return kind(**values)
    except (ValueError, TypeError, RuntimeError, ImportError) as error:
        raise RecipeError(f"{name}: {' '.join(str(error).split())}") from error


def check_keys(section: str, values: Collection[str], known: Collection[str]) -> None:
    """Refuses an unknown key with the nearest known one."""
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
            hint = f"did you mean {nearest[0]}?" if nearest else f"known are {', '.join(known)}."
            raise RecipeError(f"Unknown key {f'{section}.' * bool(section)}{key}: {hint}")


def check_types(section: str, values: dict[str, Any], hints: dict[str, Any]) -> None:
    """Refuses a value of a type that its plain annotation (numbers, text, lists, dictionaries) does not allow."""
    for key, value in values.items():
        hint = hints[key]
        options = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        allowed = tuple(get_origin(option) or option for option in options)
        if not all(option in (int, float, str, bool, list, dict, type(None)) for option in allowed):
            continue
        allowed += (int,) if float in allowed else ()
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            names = " or ".join(option.__name__ for option in allowed if option is not type(None))
            raise RecipeError(f"{f'{section}.' * bool(section)}{key} is {value!r}; it must be {names}.")
