"""Recipes: a YAML file, overridden by the command line, as checked dataclasses."""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from ..modeling_mmcot.stage_records_mmcot import CHAIN, DIRECT
from .annotations import (
    Range,
    RecipeError,
    alternatives,
    annotations_of,
    check_fields,
    check_keys,
    check_values,
    keys_of,
    shown,
)
from .arguments import (
    DataArguments,
    EvaluationArguments,
    HubArguments,
    LoraArguments,
    ModelArguments,
    ProcessorArguments,
    Seed,
)
from .recipe_file import read_settings
from .training_arguments import StageArguments
from .yaml_text import shortened


SHARED_SECTION = "training"
ONE_STAGE = "one_stage"
MODEL_SECTIONS = (*CHAIN, "joint", ONE_STAGE)
# Fields of a recipe that are no keys of the file: they gather what several sections say.
GATHERED = ("training", "hub", "settings")
# Words that recipes used to have, by key: each is read as the one of today.
OLD_WORDS = {"formats": {"answer": DIRECT}}


@dataclass
class Recipe:
    """A whole run."""

    output_dir: str
    """Run folder, which becomes a Hub repository."""
    dataset: str
    """Data set spec, for instance `sketchqa:train=20000`."""
    model: ModelArguments
    seed: Seed = 0
    """Of data, weights and training."""
    mode: Literal["both", "rationale", "answer", "joint"] = field(default="both", metadata={"key": "stages"})
    """What to train: `both` stages, each a model of its own; the `rationale` or the `answer` model alone, in one
    folder one after the other; or `joint`, one model for both stages."""
    formats: Literal["direct", "rationale_answer", "answer_rationale"] | None = None
    """Instead of two stages, a one-stage baseline: the stage that its model learns, QCM-A, QCM-RA or QCM-AR in the
    paper's words."""
    answer_rationales: Literal["gold", "generated"] = "gold"
    """What the answer model reads while it is trained: `gold` rationales, or `generated` ones, written for each
    example by a model that did not train on it."""
    answer_reads_pictures: bool = True
    """Whether an answer model that is made of the parts in `model` looks at pictures, too. Without, it has neither
    image encoder nor fusion: smaller, faster, and as good where it would only repeat what the rationale concludes
    (`docs/stage2.md`). One that goes on from another model (`model.from`, `start_from`, adapters on a base) is as that
    model is."""
    folds: Annotated[int, Range(at_least=2)] = 2
    """For `generated`, the number of further rationale models, each trained on all but one of so many parts of the
    training split. They cost `folds - 1` times the training of the rationale model, or with `max_steps` `folds`
    times."""
    data: DataArguments = field(default_factory=DataArguments)
    processor: ProcessorArguments = field(default_factory=ProcessorArguments)
    evaluation: EvaluationArguments = field(default_factory=EvaluationArguments)
    lora: LoraArguments | None = None
    training: dict[str, StageArguments] = field(default_factory=dict)
    """By the name of a model: `rationale`, `answer`, `joint`, `one_stage`. In the file, each has a section of its own,
    which overrides the section `training`."""
    hub: HubArguments = field(default_factory=HubArguments)
    """In the file, keys of the section `training`."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What the file and the command line say, as plain data."""

    def __post_init__(self):
        check_fields(self)
        if self.formats and self.mode != "both":
            raise RecipeError("formats trains a one-stage model and has no stages; leave one of the two out.")
        if self.model.quantization and (self.lora is None or self.lora.merge):
            raise RecipeError(
                "model.quantization is for training with lora, without lora.merge; add the section lora."
            )


def load_recipe(path: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path: YAML file.
        overrides: words of the command line, `--seed 1 --rationale.max_steps 100`.

    Raises:
        RecipeError: for anything that is missing, unknown, of the wrong type or out of range.
    """
    return build_recipe(read_settings(path, overrides))


def with_words_of_today(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings in which the words of older recipes are replaced by those that mean the same today."""
    changed = {key: words[settings[key]] for key, words in OLD_WORDS.items() if settings.get(key) in tuple(words)}
    return {**settings, **changed}


def build_recipe(settings: dict[str, Any]) -> Recipe:
    """Checks plain settings and makes the dataclasses of them."""
    settings = with_words_of_today(settings)
    settings.setdefault("seed", Recipe.seed)
    keys = {key: entry for key, entry in keys_of(Recipe).items() if entry.name not in GATHERED}
    check_keys("", settings, [*keys, SHARED_SECTION, *MODEL_SECTIONS])
    for key, entry in keys.items():
        if entry.default is MISSING and entry.default_factory is MISSING and settings.get(key) is None:
            raise RecipeError(f"The recipe needs {key}.")
    kinds = {key: section_kind(annotations_of(Recipe)[key]) for key in keys}
    plain = {key: settings[key] for key, kind in kinds.items() if kind is None and key in settings}
    check_values(Recipe, plain)
    sections = {
        key: build_section(key, kind, read_section(settings, key))
        for key, kind in kinds.items()
        if kind is not None and settings.get(key) is not None
    }
    values = {keys[key].name: value for key, value in {**plain, **sections}.items()}
    return Recipe(**values, training=build_training(settings), hub=build_hub(settings), settings=settings)


def section_kind(annotation: Any) -> type | None:
    """The dataclass that a key's section is read into; nothing for a key with a plain value."""
    sections = [option for option in alternatives(annotation) if isinstance(option, type) and is_dataclass(option)]
    return sections[0] if sections else None


def read_section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """What the recipe says under one heading; nothing where the heading is absent or empty."""
    section = settings.get(name)
    if section is not None and not isinstance(section, dict):
        raise RecipeError(f"{name} is {shown(section)}; it must be a section of 'key: value' lines.")
    return section or {}


def build_section(name: str, kind: type, values: dict[str, Any]) -> Any:
    """One section as its dataclass."""
    check_section(name, kind, values)
    return construct(name, kind, values)


def check_section(name: str, kind: type, values: dict[str, Any]) -> None:
    """Refuses what is unknown in a section, of the wrong kind or out of range."""
    check_keys(name, values, keys_of(kind))
    check_values(kind, values, name)


def construct(name: str, kind: type, values: dict[str, Any]) -> Any:
    """A dataclass whose own checks name the section."""
    names = keys_of(kind)
    try:
        return kind(**{names[key].name: value for key, value in values.items()})
    except Exception as error:  # the library's checks raise whatever they come across
        raise RecipeError(f"{name}: {shortened(' '.join(str(error).split()), 500)}") from error


def build_training(settings: dict[str, Any]) -> dict[str, StageArguments]:
    """The training of each model: its own section over the shared one."""
    shared = training_section(settings, SHARED_SECTION)
    training = {}
    for name in MODEL_SECTIONS:
        own = training_section(settings, name)
        folder = Path(settings["output_dir"], "run", "checkpoints", name)
        values = {"seed": settings["seed"], **shared, **own, "output_dir": str(folder)}
        try:
            training[name] = construct(name, StageArguments, values)
        except RecipeError as error:
            raise RecipeError(str(error).replace(name, find_culprit(name, shared, own), 1)) from error
    return training


def find_culprit(name: str, shared: dict[str, Any], own: dict[str, Any]) -> str:
    """The key, after its section, without which the library takes a model's training, for it does not say which.

    Where no single key is to blame it is the section.
    """
    sections = {**dict.fromkeys(shared, SHARED_SECTION), **dict.fromkeys(own, name)}
    values = {**shared, **own}
    for key, section in sections.items():
        if is_taken({other: value for other, value in values.items() if other != key}):
            return f"{section}.{key}"
    return name if is_taken(shared) else SHARED_SECTION


def is_taken(values: dict[str, Any]) -> bool:
    """Whether arguments of a training pass the library's checks."""
    try:
        construct("", StageArguments, values)
    except RecipeError:
        return False
    return True


def training_section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    """What one section says of the training itself."""
    values = {key: value for key, value in read_section(settings, name).items() if not is_of_hub(key)}
    if "output_dir" in values:
        raise RecipeError(f"{name}.output_dir: a run has one folder; put output_dir above the sections.")
    check_section(name, StageArguments, values)
    return values


def build_hub(settings: dict[str, Any]) -> HubArguments:
    """Where the run is published. The models of a run make one repository, so this is never said of one of them."""
    for name in MODEL_SECTIONS:
        for key in filter(is_of_hub, read_section(settings, name)):
            raise RecipeError(
                f"{name}.{shortened(key)}: a run is published as a whole; put {shortened(key)} under {SHARED_SECTION}."
            )
    shared = read_section(settings, SHARED_SECTION)
    hub = build_section(SHARED_SECTION, HubArguments, {key: shared[key] for key in filter(is_of_hub, shared)})
    hub.hub_model_id = hub.hub_model_id or Path(settings["output_dir"]).resolve().name
    return hub


def is_of_hub(key: str) -> bool:
    """Whether a key of a training section is about the Hub; the Trainers of the models have nothing to do with it."""
    return key == "push_to_hub" or key.startswith("hub_")
