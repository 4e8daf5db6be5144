"""What of a trained folder is published, and in what words."""

import json
from pathlib import Path
from typing import Any

from ..configuration.plain_files import read_json
from ..configuration.recipe_file import read_settings
from ..configuration.repository import (
    CARD_FILE,
    CONFIG_FILE,
    EXAMPLE_PICTURE,
    GENERATION_CONFIG_FILE,
    METRICS_FILE,
    PREDICTIONS_FILE,
    PROCESSOR_CONFIG_FILE,
    PROCESSOR_SETTINGS,
    RECIPE_FILE,
    Repository,
    open_folder,
)
from ..configuration.weight_files import ADAPTER_CONFIG_FILE, INDEX, WEIGHTS
from ..configuration.yaml_text import format_yaml
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER
from .card import name_repository
from .code import lost_classes, needed_files
from .endpoint import own_endpoint_files
from .local_paths import publishable_metrics, without_local_paths


# All that is published beside the models and their code. Everything else stays at home: `run/`, logs, notes, caches.
WORDS = (*PROCESSOR_SETTINGS, "spiece.model", "chat_template.jinja")
PAPERS = (
    *(CARD_FILE, RECIPE_FILE, METRICS_FILE, PREDICTIONS_FILE, "results.json", "results.md"),
    *("LICENSE", "LICENSE.md", "LICENSE.txt"),
)
PICTURES = ("curves.png", "example.png", EXAMPLE_PICTURE)
TOKENIZER_CONFIG = "tokenizer_config.json"
# Where in it some versions note the place that it was read from.
ORIGIN = ("name_or_path", "tokenizer_file", "vocab_file", "special_tokens_map_file")
# Files that may name places of this machine.
REWRITTEN = (
    *(CONFIG_FILE, ADAPTER_CONFIG_FILE, GENERATION_CONFIG_FILE, PROCESSOR_CONFIG_FILE, TOKENIZER_CONFIG),
    METRICS_FILE,
)


def planned_files(folder: str | Path) -> list[tuple[str, int]]:
    """What of a folder is published: paths within it and their sizes in bytes.

    Raises:
        ValueError: for a folder that is not complete, see [`check_repository`].
    """
    names = published_files(check_repository(folder))
    return [(name, (Path(folder) / name).stat().st_size) for name in names]


def published_files(repository: Repository) -> list[str]:
    """Paths within a folder of all files that are published."""
    paths = [path for path in candidates(repository) if path.is_file() and not links_outside(repository, path)]
    return sorted(map(repository.path_on_hub, paths))


def left_out(folder: str | Path) -> list[str]:
    """Paths within a folder of files that are not published because they are links to places outside of it."""
    repository = open_folder(folder)
    paths = [path for path in candidates(repository) if links_outside(repository, path)]
    return sorted(map(repository.path_on_hub, paths))


def check_repository(folder: str | Path) -> Repository:
    """Refuses a folder that would not load: configuration, code, processor, and the weights of root and stages.

    Raises:
        ValueError: names what is missing or damaged and how to get it.
    """
    repository = open_folder(folder)
    missing = [path.name for path in needed_files(repository, ROOT_FOLDER) if not path.is_file()]
    if missing:
        raise ValueError(f"{folder} has no {', '.join(missing)}. Save its model into it, then publish again.")
    lost = lost_classes(repository)
    if lost:
        raise ValueError(f"The code in {folder} does not define {', '.join(lost)}; save its model into it again.")
    repository.require_processor()
    repository.require_whole()
    for read in (repository.read_card, repository.read_recipe, repository.read_metrics):
        read()
    for path in model_files(repository):
        if links_outside(repository, path):
            raise ValueError(f"{path} is a link to {path.resolve()}, outside the folder; put a copy in its place.")
    return repository


def candidates(repository: Repository) -> list[Path]:
    """Everything that is published where it exists."""
    names = [*PAPERS, *PICTURES, *own_endpoint_files(repository)]
    return [*model_files(repository), *(repository.folder / name for name in names)]


def model_files(repository: Repository) -> list[Path]:
    """What a visitor's computer loads, be it there or not: settings, weights and code of each model, and the words."""
    paths = [repository.folder / name for name in WORDS]
    for model in repository.model_folders:
        folder = repository.folder / model
        # An adapter has a configuration, too, by which its base is found.
        paths += {repository.settings_file(model), folder / CONFIG_FILE, folder / GENERATION_CONFIG_FILE}
        paths += repository.weight_files(model)
        paths += needed_files(repository, model)
        if not (folder / WEIGHTS).is_file():
            paths.append(folder / INDEX)
    return paths


def links_outside(repository: Repository, path: Path) -> bool:
    """Whether a file of the folder is a link to a place outside."""
    return not path.resolve().is_relative_to(repository.folder.resolve())


def content_of(path: Path, repo_id: str) -> Path | bytes:
    """What is uploaded of a file. Card and adapters name the repository itself, and nothing names a place of this
    machine."""
    if path.name == CARD_FILE:
        return name_repository(path.read_text(encoding="utf-8"), repo_id).encode()
    if path.name == RECIPE_FILE:
        settings = without_local_paths(read_settings(path))
        return format_yaml(settings).encode()
    if path.name not in REWRITTEN:
        return path
    content = read_json(path)
    published = published_json(path.name, content, repo_id)
    return path if published == content else (json.dumps(published, indent=2, ensure_ascii=False) + "\n").encode()


def published_json(name: str, content: dict[str, Any], repo_id: str) -> dict[str, Any]:
    """The content of a JSON file as it is published."""
    if name == METRICS_FILE:
        return publishable_metrics(content)
    if name == TOKENIZER_CONFIG:  # a token may look like a path
        return content | without_local_paths({key: content[key] for key in ORIGIN if key in content})
    if name == ADAPTER_CONFIG_FILE:
        content = content | {"base_model_name_or_path": repo_id, "revision": None}
    return without_local_paths(content)
