"""A trained folder, on this machine or on the Hub: what its files are called, which stages it has, what it scored."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard, snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError, StrictDataclassError
from huggingface_hub.utils import SafetensorsFileMetadata

from ..modeling_mmcot.configuration_mmcot import MMCoTConfig, stages_are_adapters
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER, in_order
from .places import find_model
from .plain_files import damaged, read_json
from .recipe_file import read_settings
from .weight_files import (
    ADAPTER_CONFIG_FILE,
    ADAPTER_WEIGHTS,
    check_weights,
    files_of_model,
    read_header,
    read_header_on_hub,
)


CONFIG_FILE = "config.json"
GENERATION_CONFIG_FILE = "generation_config.json"
PROCESSOR_CONFIG_FILE = "processor_config.json"
VOCABULARIES = ("tokenizer.json", "spiece.model")
# What processor and tokenizer may consist of, in JSON.
PROCESSOR_SETTINGS = (
    *(PROCESSOR_CONFIG_FILE, "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json"),
)
CARD_FILE = "README.md"
RECIPE_FILE = "recipe.yaml"
METRICS_FILE = "metrics.json"
PREDICTIONS_FILE = "predictions.jsonl"
EXAMPLE_PICTURE = "example_picture.png"
# All that is downloaded of a repository of the Hub to describe it: everything but the weights.
DESCRIPTIONS = ["*.json", CARD_FILE, RECIPE_FILE, "*_mmcot.py"]


@dataclass(frozen=True)
class Repository:
    """A trained folder on this machine, or a repository of the Hub, of which all but the weights is on this machine.

    Args:
        name: what it was asked for by, a folder or a Hub id.
        folder: where its files are.
        config: its configuration, from the root.
        on_hub: whether the weights are on the Hub.
        revision: its commit, tag or branch on the Hub; the main branch where not given.
    """

    name: str
    folder: Path
    config: MMCoTConfig
    on_hub: bool = False
    revision: str | None = None

    @property
    def place(self) -> str:
        """Where it is loaded from: its folder, or its name on the Hub."""
        return self.name if self.on_hub else str(self.folder)

    @property
    def stages(self) -> dict[str, str]:
        """Sub-folder of each stage, `"."` being the root, in the order in which they are gone through."""
        folders = self.config.stages or {}
        return {stage: folders[stage] for stage in in_order(folders)}

    @property
    def has_adapters(self) -> bool:
        """Whether the stages are adapters on a base at the root."""
        return stages_are_adapters(self.stages)

    @property
    def blind_stages(self) -> list[str]:
        """The stages whose models read no pictures."""
        folders = {} if self.has_adapters else self.stages
        there = {stage: folder for stage, folder in folders.items() if self.settings_file(folder).is_file()}
        return [stage for stage, folder in there.items() if not read_config(self.folder / folder).image_feature_size]

    @property
    def model_folders(self) -> list[str]:
        """The sub-folders that hold a model or an adapter, the root first."""
        return list(dict.fromkeys([ROOT_FOLDER, *self.stages.values()]))

    def is_adapter(self, model: str) -> bool:
        """Whether a sub-folder holds an adapter, not a whole model."""
        return self.has_adapters and model != ROOT_FOLDER

    def settings_file(self, model: str) -> Path:
        """The file that describes the model or adapter in a sub-folder."""
        return self.folder / model / (ADAPTER_CONFIG_FILE if self.is_adapter(model) else CONFIG_FILE)

    def weight_files(self, model: str) -> list[Path]:
        """The files that the weights in a sub-folder consist of, be they there or not."""
        folder = self.folder / model
        names = [ADAPTER_WEIGHTS] if self.is_adapter(model) else files_of_model(folder)
        return [folder / name for name in names]

    def weight_headers(self, model: str) -> list[SafetensorsFileMetadata]:
        """Names, shapes and types of the weights in a sub-folder; empty where there are none.

        Raises:
            ValueError: for a file that is damaged.
            ConnectionError: where the weights are on the Hub, and that cannot be reached.
        """
        headers = map(self._weight_header, self.weight_files(model))
        return [header for header in headers if header is not None]

    def _weight_header(self, path: Path) -> SafetensorsFileMetadata | None:
        if path.is_file():  # of the Hub, too, once it was used
            return read_header(path)
        return read_header_on_hub(self.name, self.path_on_hub(path), self.revision) if self.on_hub else None

    def path_on_hub(self, path: Path) -> str:
        """The name of one of its files within it."""
        return path.relative_to(self.folder).as_posix()

    def require_processor(self) -> None:
        """Refuses a processor that would not load: one that is not there, or damaged.

        Raises:
            ValueError: names the file, what is wrong with it and what to do.
        """
        missing = [] if (self.folder / PROCESSOR_CONFIG_FILE).is_file() else [PROCESSOR_CONFIG_FILE]
        if not any((self.folder / name).is_file() for name in VOCABULARIES):
            missing.append(VOCABULARIES[0])
        if missing:
            raise ValueError(f"{self.folder} has no {' and no '.join(missing)}. Save its processor into it.")
        self.require_undamaged()

    def require_whole(self) -> None:
        """Refuses models that would not load: those that are not there, or damaged. Of weights only the headers are
        read, and those that are on the Hub are taken to be whole.

        Raises:
            ValueError: names the file, what is wrong with it and what to do.
        """
        for model in self.model_folders:
            settings, weights = self.settings_file(model), self.weight_files(model)
            if not settings.is_file() or not (self.on_hub or all(path.is_file() for path in weights)):
                role = next((stage for stage, folder in self.stages.items() if folder == model), "base")
                place = self.folder / model
                raise ValueError(
                    f"{place} lacks weights of the {role} model. Repeat the training command, which goes on."
                )
        self.require_undamaged()

    def require_undamaged(self) -> None:
        """Refuses what is there and cannot be read. Of weights only the headers are read.

        Raises:
            ValueError: names the file, what is wrong with it and what to do.
        """
        settings = [self.folder / name for name in PROCESSOR_SETTINGS]
        for model in self.model_folders:
            settings += [self.settings_file(model), self.folder / model / GENERATION_CONFIG_FILE]
        for path in filter(Path.is_file, settings):
            read_json(path)
        for path in (path for model in self.model_folders for path in self.weight_files(model)):
            if path.is_file():
                check_weights(path)

    def read_metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds, the scores of the run; empty where there is none."""
        path = self.folder / METRICS_FILE
        return read_json(path, "restore it from a copy, or remove it") if path.is_file() else {}

    def read_recipe(self) -> dict[str, Any]:
        """What `recipe.yaml` holds, the settings of the run; empty where there is none."""
        path = self.folder / RECIPE_FILE
        return read_settings(path) if path.is_file() else {}

    def read_card(self) -> dict[str, Any] | None:
        """The metadata of the card; `None` where there is no card."""
        path = self.folder / CARD_FILE
        if not path.is_file():
            return None
        try:
            return ModelCard.load(path).data.to_dict()
        except (yaml.YAMLError, ValueError) as error:
            raise damaged(path, error, "mend the lines between the dashes at its top, or remove it") from error


def find_repository(name: str | Path, revision: str | None = None) -> Repository:
    """The trained folder of that name, or else the repository of the Hub, of which all but the weights is downloaded.

    Args:
        name: folder or Hub id.
        revision: commit, tag or branch of a Hub id.

    Raises:
        ValueError: where there is neither, or something else; says what to do.
    """
    place = find_model(str(name), revision)
    if Path(place).is_dir():
        return open_folder(place)
    try:
        folder = Path(snapshot_download(place, revision=revision, allow_patterns=DESCRIPTIONS))
    except LocalEntryNotFoundError as error:
        raise ValueError(f"The Hub cannot be reached for all of {place}; check the network.") from error
    return Repository(place, folder, read_config(folder), on_hub=True, revision=revision)


def open_folder(folder: str | Path) -> Repository:
    """The trained folder of that name.

    Raises:
        ValueError: where there is none, or something else; says what to do.
    """
    return Repository(str(folder), Path(folder), read_config(Path(folder)))


def read_config(folder: Path) -> MMCoTConfig:
    """The configuration of the model at the root of a folder.

    Raises:
        ValueError: for another model's, a damaged one, or none.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ValueError(f"{folder} has no {CONFIG_FILE}; give the folder that a training wrote.")
    content = read_json(path)
    kind = content.get("model_type")
    if kind != MMCoTConfig.model_type:
        raise ValueError(f"{path} is that of a {kind!r} model; give a folder that mmcot trained or converted.")
    try:
        return MMCoTConfig.from_dict(content)
    except (StrictDataclassError, ValueError, TypeError, AttributeError, KeyError) as error:
        raise damaged(path, error) from error
