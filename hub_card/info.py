"""What a repository holds, told without loading its weights: `mmcot info runs/quickstart`."""

import ast
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import (
    HfApi,
    ModelCard,
    parse_local_safetensors_file_metadata,
    parse_safetensors_file_metadata,
    snapshot_download,
)
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError
from huggingface_hub.utils import SafetensorsFileMetadata

from .. import __version__
from ..modeling_mmcot import MMCoTConfig
from ..modeling_mmcot.configuration_mmcot import ROOT_FOLDER, in_order, stages_are_adapters
from . import weights


CODE = Path(__file__).parents[1] / "modeling_mmcot"
# What describes a repository.
DESCRIPTIONS = ["*config.json", "metrics.json", "README.md", "*_mmcot.py"]
# Which part of a model a parameter belongs to, by a word in its name; the first that fits.
PARTS = {"lora_": "adapters", "fusion.": "fusion", "vision_tower.": "vision tower", "": "language model"}
BYTES = weights.BYTES | {"int8": 1}
CARD_FIELDS = ("license", "base_model", "datasets", "pipeline_tag")


@dataclass
class Repository:
    """A folder of this machine, or one of the Hub, of which all but the weights is on this machine.

    Args:
        name: what it was asked for by.
        folder: where its files are.
        config: its configuration, from the root.
        on_hub: whether the weights are on the Hub.
    """

    name: str
    folder: Path
    config: MMCoTConfig
    on_hub: bool

    def models(self) -> list[str]:
        """The sub-folders that hold a model or an adapter, the root first."""
        return list(dict.fromkeys([ROOT_FOLDER, *self.config.stages.values()]))

    def weights(self, model: str) -> Iterator[SafetensorsFileMetadata]:
        """The headers of the weight files of one of its models."""
        here = sorted((self.folder / model).glob("*.safetensors"))  # those of the Hub, too, once they were used
        yield from map(parse_local_safetensors_file_metadata, here)
        for file in HfApi().list_repo_files(self.name) if self.on_hub and not here else ():
            path = Path(file)
            if path.suffix == ".safetensors" and path.parent == Path(model):
                yield parse_safetensors_file_metadata(self.name, file)


def describe(model: str | Path) -> str:
    """Stages, parts, parameters, memory, results, and whether code and configuration fit each other.

    Args:
        model: trained folder or Hub id. Of the weights only the headers are read.

    Returns:
        Lines of text, each a heading and what there is.

    Raises:
        ValueError: for what is no repository of this package.
    """
    repository = open_repository(str(model))
    headings = {
        "repository": repository.name,
        "stages": stage_line(repository),
        "language model": language_model_line(repository.config),
        "vision": vision_line(repository.config),
        **size_lines(repository),
        "accuracy": accuracy_line(repository.folder),
        "card": card_line(repository.folder),
        "code": code_line(repository),
    }
    width = max(map(len, headings)) + 2
    return "\n".join(f"{heading:{width}}{text}" for heading, text in headings.items())


def open_repository(name: str) -> Repository:
    """Finds a repository and reads its configuration."""
    on_hub = not Path(name).is_dir()
    if on_hub and name.startswith((".", "/", "~")):
        raise ValueError(f"There is no folder {name}; give a trained folder or a Hub id.")
    folder = download_descriptions(name) if on_hub else Path(name)
    path = folder / "config.json"
    kind = json.loads(path.read_text(encoding="utf-8")).get("model_type") if path.is_file() else None
    if kind != MMCoTConfig.model_type:
        found = f"that of a {kind!r} model" if kind else "missing"
        raise ValueError(f"{name} is not a repository of mmcot: its config.json is {found}.")
    return Repository(name, folder, MMCoTConfig.from_pretrained(folder), on_hub)


def download_descriptions(name: str) -> Path:
    """The folder with what describes a repository of the Hub."""
    try:
        return Path(snapshot_download(name, allow_patterns=DESCRIPTIONS))
    except (HFValidationError, RepositoryNotFoundError, LocalEntryNotFoundError) as error:
        advice = "check the name, the network and your token"
        raise ValueError(f"There is no folder {name}, and no such repository on the Hub: {advice}.") from error


def stage_line(repository: Repository) -> str:
    """The stages, where each lives, and what that layout is called."""
    stages = repository.config.stages
    folders = set(stages.values())
    if stages_are_adapters(stages):
        layout = "adapters on one base"
    elif len(stages) == 1:
        layout = "one stage, one model"
    else:
        layout = "joint, one model for both" if len(folders) == 1 else "a whole model each"
    places = ", ".join(
        f"{stage} in {folder}{'' if (repository.folder / folder).is_dir() else ' (not there)'}"
        for stage, folder in ((stage, stages[stage]) for stage in in_order(stages))
    )
    return f"{places}: {layout}"


def language_model_line(config: MMCoTConfig) -> str:
    """Kind and size of the language model."""
    text = config.text_config
    layers = f"{text.num_hidden_layers} + {config.get_text_config(decoder=True).num_hidden_layers} layers"
    return f"{text.model_type}, {layers}, width {text.hidden_size}, vocabulary {text.vocab_size}"


def vision_line(config: MMCoTConfig) -> str:
    """The image encoder, or what is read in its place."""
    if config.vision_config is None:
        return f"no tower; reads image_features (batch, patches, {config.image_feature_size})"
    state = "frozen" if config.freeze_vision else "trained"
    return f"{config.vision_config.model_type}, {config.image_feature_size} numbers per patch, {state}"


def size_lines(repository: Repository) -> dict[str, str]:
    """Parameters of each model by part and of all, what they are stored as, and the memory they take."""
    lines, total, dtypes = {}, 0, Counter()
    for model in repository.models():
        parts = Counter()
        for file in repository.weights(model):
            dtypes.update(file.parameter_count)
            for name, tensor in file.tensors.items():
                part = next(part for word, part in PARTS.items() if word in name)
                parts[part] += tensor.parameter_count
        total += parts.total()
        counts = ", ".join(f"{part} {count:,}" for part, count in parts.items())
        lines[f"parameters in {model}"] = counts or "none: there are no safetensors files"
    stored = ", ".join(dtype for dtype in dtypes if not dtype.startswith("I"))  # integers count batches
    lines["parameters"] = f"{total:,}" + (f", stored as {stored}" if stored else "")
    lines["memory"] = ", ".join(f"{size * total / 1e6:,.1f} MB in {dtype}" for dtype, size in BYTES.items())
    return lines


def accuracy_line(folder: Path) -> str:
    """The score of `metrics.json`, if there is one."""
    path = folder / "metrics.json"
    scores = json.loads(path.read_text(encoding="utf-8")).get("accuracy") if path.is_file() else None
    if scores is None:
        return "not measured"
    score = scores["average"]
    return f"{score['value']:.1f} % ({score['low']:.1f} to {score['high']:.1f}) of {score['n']} problems"


def card_line(folder: Path) -> str:
    """What the model card says in its metadata."""
    path = folder / "README.md"
    if not path.is_file():
        return "none"
    fields = ModelCard.load(path).data.to_dict()
    return ", ".join(f"{name} {fields[name]}" for name in CARD_FIELDS if name in fields) or "no metadata"


def code_line(repository: Repository) -> str:
    """How the code that the repository brings compares to this package's, and whether its configuration finds it."""
    files = [path for model in repository.models() for path in (repository.folder / model).glob("*_mmcot.py")]
    other = sorted(
        path.relative_to(repository.folder).as_posix()
        for path in files
        if not (CODE / path.name).is_file() or path.read_bytes() != (CODE / path.name).read_bytes()
    )
    if not files:
        agreement = "none in the folder"
    elif other:
        agreement = f"differs from mmcot {__version__} in {', '.join(other)}"
    else:
        agreement = f"equals that of mmcot {__version__}"
    lost = lost_classes(repository)
    return f"{agreement}; " + (f"config.json names {', '.join(lost)}, not there" if lost else "config.json fits it")


def lost_classes(repository: Repository) -> list[str]:
    """Classes that the configuration names and no file defines."""
    pipelines = repository.config.custom_pipelines.values()
    named = {*repository.config.auto_map.values(), *(pipeline["impl"] for pipeline in pipelines)}
    lost = []
    for reference in sorted(named):
        module, name = reference.split(".")
        path = repository.folder / f"{module}.py"
        tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
        if name not in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}:
            lost.append(reference)
    return lost
