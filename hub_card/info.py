"""What a repository holds, told without loading its weights: `mmcot info runs/quickstart`."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import __version__
from ..configuration.metrics import AVERAGE, scored_kinds
from ..configuration.plain_files import damaged
from ..configuration.repository import CONFIG_FILE, METRICS_FILE, Repository, find_repository
from ..modeling_mmcot import MMCoTConfig
from . import weights
from .code import code_files, differing_files, lost_classes


BYTES = weights.BYTES | {"int8": 1}
CARD_FIELDS = ("license", "base_model", "datasets", "pipeline_tag")


def describe(model: str | Path, revision: str | None = None) -> str:
    """Stages, parts, parameters, memory, results, and whether code and configuration fit each other.

    Args:
        model: trained folder or Hub id. Of the weights only the headers are read.
        revision: commit, tag or branch of a Hub id.

    Returns:
        Lines of text, each a heading and what there is.

    Raises:
        ValueError: for what is no repository of this package, and for a file of it that is damaged.
    """
    repository = find_repository(model, revision)
    repository.require_undamaged()
    repository.read_recipe()
    headings = {
        "repository": repository.name,
        "stages": stage_line(repository),
        "language model": language_model_line(repository.config),
        "vision": vision_line(repository.config),
        **size_lines(repository),
        "accuracy": accuracy_line(repository),
        "card": card_line(repository),
        "code": code_line(repository),
    }
    width = max(map(len, headings)) + 2
    return "\n".join(f"{heading:{width}}{text}" for heading, text in headings.items())


def stage_line(repository: Repository) -> str:
    """The stages, where each lives, and what that layout is called."""
    stages = repository.stages
    if repository.has_adapters:
        layout = "adapters on one base"
    elif len(stages) == 1:
        layout = "one stage, one model"
    elif len(set(stages.values())) == 1:
        layout = "joint, one model for both"
    else:
        layout = "a whole model each"
    places = [place_of(repository, stage) for stage in stages]
    return f"{', '.join(places)}: {layout}"


def place_of(repository: Repository, stage: str) -> str:
    """Where a stage lives, whether that folder exists yet, and whether its model is without eyes."""
    folder = repository.stages[stage]
    absent = "" if (repository.folder / folder).is_dir() else " (not there)"
    blind = " (reads no pictures)" if stage in repository.blind_stages else ""
    return f"{stage} in {folder}{absent}{blind}"


def language_model_line(config: MMCoTConfig) -> str:
    """Kind and size of the language model."""
    text: Any = config.text_config
    layers = f"{text.num_hidden_layers} + {config.get_text_config(decoder=True).num_hidden_layers} layers"
    return f"{text.model_type}, {layers}, width {text.hidden_size}, vocabulary {text.vocab_size}"


def vision_line(config: MMCoTConfig) -> str:
    """The image encoder, or what is read in its place."""
    vision: Any = config.vision_config
    if vision is None:
        return f"no tower; reads image_features (batch, patches, {config.image_feature_size})"
    state = "frozen" if config.freeze_vision else "trained"
    return f"{vision.model_type}, {config.image_feature_size} numbers per patch, {state}"


def size_lines(repository: Repository) -> dict[str, str]:
    """Parameters of each model by part and of all, what they are stored as, and the memory they take."""
    lines = {}
    total = 0
    dtypes: Counter[str] = Counter()
    for model in repository.model_folders:
        headers = repository.weight_headers(model)
        for header in headers:
            dtypes.update(header.parameter_count)
        parts = weights.count_by_part(headers)
        total += parts.total()
        counts = ", ".join(f"{part} {count:,}" for part, count in parts.items())
        lines[f"parameters in {model}"] = counts or "none: there are no safetensors files"
    stored = ", ".join(dtype for dtype in dtypes if not dtype.startswith("I"))  # integers count batches
    lines["parameters"] = f"{total:,}" + (f", stored as {stored}" if stored else "")
    lines["memory"] = ", ".join(f"{size * total / 1e6:,.1f} MB in {dtype}" for dtype, size in BYTES.items())
    return lines


def accuracy_line(repository: Repository) -> str:
    """The scores of `metrics.json`, if there are any."""
    metrics = repository.read_metrics()
    try:
        measured = [
            f"{score_in_words(scores[kind.score.name][AVERAGE.name])}{' without options' if kind.key else ''}"
            for kind, scores in scored_kinds(metrics)
            if kind.score.name in scores
        ]
        return "; ".join(measured) or "not measured"
    except (KeyError, TypeError, ValueError) as error:
        reason = f"its accuracy has no {AVERAGE.name} with value, low, high and n"
        raise damaged(repository.folder / METRICS_FILE, reason, "restore it from a copy, or remove it") from error


def score_in_words(score: Mapping[str, Any]) -> str:
    """A percentage with its interval."""
    return f"{score['value']:.1f} % ({score['low']:.1f} to {score['high']:.1f}) of {score['n']} problems"


def card_line(repository: Repository) -> str:
    """What the model card says in its metadata."""
    fields = repository.read_card()
    if fields is None:
        return "none"
    return ", ".join(f"{name} {fields[name]}" for name in CARD_FIELDS if name in fields) or "no metadata"


def code_line(repository: Repository) -> str:
    """How the code that the repository brings compares to this package's, and whether its configuration finds it."""
    differing = [repository.path_on_hub(path) for path in differing_files(repository)]
    if not code_files(repository):
        agreement = "none in the folder"
    elif differing:
        agreement = f"differs from mmcot {__version__} in {', '.join(sorted(differing))}"
    else:
        agreement = f"equals that of mmcot {__version__}"
    lost = lost_classes(repository)
    fit = f"names {', '.join(lost)}, not there" if lost else "fits it"
    return f"{agreement}; {CONFIG_FILE} {fit}"
