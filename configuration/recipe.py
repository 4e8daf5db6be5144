"""Recipes: a YAML file, overridden by the command line, as checked dataclasses."""

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from ..modeling_mmcot.configuration_mmcot import ANSWER_RATIONALE, DIRECT, RATIONALE_ANSWER
from .arguments import (
    DataArguments,
    EvaluationArguments,
    HubArguments,
    LoraArguments,
    ModelArguments,
    ProcessorArguments,
    StageArguments,
)


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
    """A whole run.

    Args:
        output_dir: run folder, which becomes a Hub repository.
        dataset: data set spec, for instance `sketchqa:train=20000`.
        seed: of data, weights and training.
        mode: the key `stages`, what to train: `both` stages, each a model of its own; the `rationale` or the `answer`
            model alone, in one folder one after the other; or `joint`, one model for both stages.
        formats: instead of stages a one-stage baseline: `direct` (QCM-A), `rationale_answer` (QCM-RA) or
            `answer_rationale` (QCM-AR). Each is the name of the stage that its model learns.
        answer_rationales: what the answer model reads while it is trained: `gold` rationales, or `generated` ones,
            written for each problem by a model that did not train on it.
        folds: for `generated`, the number of further rationale models, each trained on all but one of so many parts
            of the training split. They cost `folds - 1` times the training of the rationale model, or with `max_steps`
            `folds` times.
        lora: adapters instead of full training; see `LoraArguments`.
        data, model, processor, evaluation, hub: see their dataclasses.
        training: of each model by its name, `rationale`, `answer`, `joint`, `one_stage`; all start from the section
            `training`.
        settings: the resolved recipe as plain data.
    """

    output_dir: str
    dataset: str
    seed: int
    mode: str
    formats: str | None
    answer_rationales: str
    folds: int
    data: DataArguments
    model: ModelArguments
    processor: ProcessorArguments
    evaluation: EvaluationArguments
    lora: LoraArguments | None
    hub: HubArguments
    training: dict[str, StageArguments]
    settings: dict[str, Any]


PLAIN_KEYS = {
    "output_dir": str,
    "dataset": str,
    "seed": int,
    "stages": str,
    "formats": str | None,
    "answer_rationales": str,
    "folds": int,
}
DEFAULTS = {"seed": 0, "stages": "both", "formats": None, "answer_rationales": "gold", "folds": 2}
CHOICES = {
    "stages": ("both", "rationale", "answer", "joint"),
    "formats": (None, DIRECT, RATIONALE_ANSWER, ANSWER_RATIONALE),
    "answer_rationales": ("gold", "generated"),
}
SECTIONS = {
    "data": DataArguments,
    "model": ModelArguments,
    "processor": ProcessorArguments,
    "evaluation": EvaluationArguments,
}
LORA = "lora"
SHARED_SECTION = "training"
# Words that recipes used to have, by key: each is read as the one of today.
OLD_WORDS = {"formats": {"answer": DIRECT}}
ONE_STAGE = "one_stage"
MODEL_SECTIONS = ("rationale", "answer", "joint", ONE_STAGE)


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


def with_words_of_today(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which the words of older recipes are replaced by those that mean the same today."""
    changed = {key: words[settings[key]] for key, words in OLD_WORDS.items() if settings.get(key) in tuple(words)}
    return {**settings, **changed}


def build_recipe(settings: dict[str, Any]) -> Recipe:
    """Checks plain settings and makes the dataclasses of them."""
    settings = with_words_of_today(settings)
    check_keys("", settings, [*PLAIN_KEYS, *SECTIONS, LORA, SHARED_SECTION, *MODEL_SECTIONS])
    for key in ("output_dir", "dataset", "model"):
        if settings.get(key) is None:
            raise RecipeError(f"The recipe needs {key}.")
    plain = DEFAULTS | {key: settings[key] for key in PLAIN_KEYS if key in settings}
    settings["seed"] = plain["seed"]
    check_types("", plain, PLAIN_KEYS)
    check_choices(plain)
    sections = {name: build_section(name, kind, read_section(settings, name)) for name, kind in SECTIONS.items()}
    lora = build_section(LORA, LoraArguments, read_section(settings, LORA)) if settings.get(LORA) is not None else None
    if sections["model"].quantization and (lora is None or lora.merge):
        raise RecipeError("model.quantization is for training with lora, without lora.merge; add the section lora.")
    hub = build_hub(settings)
    training = {name: build_training(name, settings, plain["seed"]) for name in MODEL_SECTIONS}
    mode = plain.pop("stages")
    return Recipe(mode=mode, **plain, **sections, lora=lora, hub=hub, training=training, settings=settings)


def build_hub(settings: dict[str, Any]) -> HubArguments:
    """Where the run is published. The models of a run make one repository, so this is never said of one of them."""
    for name in MODEL_SECTIONS:
        for key in filter(is_of_hub, read_section(settings, name)):
            raise RecipeError(f"{name}.{key}: a run is published as a whole; put {key} under {SHARED_SECTION}.")
    shared = read_section(settings, SHARED_SECTION)
    hub = build_section(SHARED_SECTION, HubArguments, {key: shared[key] for key in filter(is_of_hub, shared)})
    hub.hub_model_id = hub.hub_model_id or Path(settings["output_dir"]).resolve().name
    return hub


def is_of_hub(key: str) -> bool:
    """Whether a key of a training section is about the Hub; the Trainers of the models have nothing to do with it."""
    return key == "push_to_hub" or key.startswith("hub_")


def build_training(name: str, settings: dict[str, Any], seed: int) -> StageArguments:
    """The training of one model: its own section over the shared one."""
    folder = Path(settings["output_dir"], "run", "checkpoints", name)
    sections = {**read_section(settings, SHARED_SECTION), **read_section(settings, name)}
    own = {key: value for key, value in sections.items() if not is_of_hub(key)}
    return build_section(name, StageArguments, {"seed": seed, **own, "output_dir": str(folder)})


def check_choices(plain: dict[str, Any]) -> None:
    """Refuses words that name no way of training, and ways that exclude each other."""
    for key, allowed in CHOICES.items():
        if plain[key] not in allowed:
            names = ", ".join(filter(None, allowed))
            raise RecipeError(f"{key} is {plain[key]!r}; use one of {names}.")
    if plain["formats"] and plain["stages"] != "both":
        raise RecipeError("formats trains a one-stage model and has no stages; leave one of the two out.")
    if plain["answer_rationales"] == "generated" and plain["folds"] < 2:
        raise RecipeError(f"folds is {plain['folds']}; generated rationales need at least 2.")


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
