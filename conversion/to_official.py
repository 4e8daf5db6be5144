"""A trained folder as folders that the official implementation (amazon-science/mm-cot) loads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from ..configuration.repository import CONFIG_FILE, PROCESSOR_CONFIG_FILE, Repository
from ..configuration.weight_files import WEIGHTS
from ..inference.load import load_processor, load_stage
from ..modeling_mmcot import MMCoTConfig
from .official import official_config, official_state_dict


def write(repository: Repository, output: Path, say: Callable[[str], None]) -> None:
    """Writes the model of each stage into a sub-folder of `output` with its name, adapters merged into their base.

    The weights are safetensors, which transformers 4.30, the version that the official code asks for, reads. The
    official code reads `image_features` from files: an image encoder stays behind, and so do the settings of
    generation, which its command line gives.

    Args:
        repository: trained folder, whole.
        output: folder that does not exist yet or is empty.
        say: told how the official code loads each model, and what it will do differently.

    Raises:
        ValueError: if the official code cannot load it: its language model is no T5.
    """
    config = repository.config
    settings = json.dumps(official_config(config), indent=2) + "\n"
    has_processor = (repository.folder / PROCESSOR_CONFIG_FILE).is_file()
    tokenizer = load_processor(repository).tokenizer if has_processor else None
    for stage in repository.stages:
        folder = output / stage
        folder.mkdir(parents=True, exist_ok=True)
        weights = official_state_dict(load_stage(repository, stage), config.image_feature_size)
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
        (folder / CONFIG_FILE).write_text(settings, encoding="utf-8")
        if tokenizer is not None:
            save_tokenizer(tokenizer, folder)
        patches = (config.image_feature_length or "PATCHES", config.image_feature_size)
        say(f"T5ForMultimodalGeneration.from_pretrained('{folder}', patch_size=({patches[0]}, {patches[1]}))")
    for note in differences(config):
        say(note)


def save_tokenizer(tokenizer: PreTrainedTokenizerFast, target: Path) -> None:
    """The tokenizer's files in the form that tokenizers 0.13, the version of transformers 4.30, reads."""
    content = json.loads(tokenizer.backend_tokenizer.to_str(), object_hook=older_form)
    (target / "tokenizer.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 512}
    settings |= {name: str(token) for name, token in tokenizer.special_tokens_map.items() if isinstance(token, str)}
    (target / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def older_form(part: dict[str, Any]) -> dict[str, Any]:
    """A part of `tokenizer.json`, which later versions of the library describe in other fields."""
    if part.get("type") == "Metaspace":
        return {key: part[key] for key in ("type", "replacement")} | {
            "add_prefix_space": part["prepend_scheme"] != "never"
        }
    if "merges" in part:
        return part | {"merges": [" ".join(pair) for pair in part["merges"]]}
    return part


def differences(config: MMCoTConfig) -> list[str]:
    """What the official code does otherwise than this package, for the given model."""
    notes = []
    if config.vision_config is not None:
        notes.append("The image encoder is not exported: the official code reads its features from files.")
    if config.missing_image == "skip":
        notes.append("Without a picture the official code fuses an all-zero one, where this model reads text only.")
    return notes
