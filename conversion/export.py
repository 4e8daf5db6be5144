"""A trained repository as folders that the official implementation (amazon-science/mm-cot) loads.

mmcot export runs/mine exported --format official
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from peft import PeftModel
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast

from ..modeling_mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import stages_are_adapters
from .official import official_config, official_state_dict


def export_official(folder: str | Path, output: str | Path, say: Callable[[str], None] = print) -> None:
    """Writes the model of each stage into a sub-folder of `output` with its name, adapters merged into their base.

    The weights are safetensors, which transformers 4.30, the version that the official code asks for, reads. The
    official code reads `image_features` from files: an image encoder stays behind, and so do the settings of
    generation, which its command line gives.

    Args:
        folder: trained repository.
        output: folder that does not exist yet or is empty.
        say: told how the official code loads each model, and what it will do differently.

    Raises:
        ValueError: if the official code cannot load it: its language model is no T5.
    """
    folder, output = Path(folder), Path(output)
    if not (folder / "config.json").is_file():
        raise ValueError(f"{folder} has no config.json; give a trained folder.")
    if output.exists() and any(output.iterdir()):
        raise ValueError(f"{output} is not empty; name a folder that does not exist yet.")
    config = MMCoTConfig.from_pretrained(folder)
    settings = json.dumps(official_config(config), indent=2) + "\n"
    has_processor = (folder / "processor_config.json").is_file()
    tokenizer = MMCoTProcessor.from_pretrained(folder).tokenizer if has_processor else None
    for stage in config.stages:
        target = output / stage
        target.mkdir(parents=True, exist_ok=True)
        weights = official_state_dict(stage_model(folder, config, stage))
        save_file(weights, target / "model.safetensors", metadata={"format": "pt"})
        (target / "config.json").write_text(settings, encoding="utf-8")
        if tokenizer is not None:
            save_tokenizer(tokenizer, target)
        patches = (config.image_feature_length or "PATCHES", config.image_feature_size)
        say(f"T5ForMultimodalGeneration.from_pretrained('{target}', patch_size=({patches[0]}, {patches[1]}))")
    for note in differences(config):
        say(note)


def stage_model(folder: Path, config: MMCoTConfig, stage: str) -> MMCoTForConditionalGeneration:
    """The whole model of a stage."""
    path = folder / config.stages[stage]
    if stages_are_adapters(config.stages):
        base = MMCoTForConditionalGeneration.from_pretrained(folder)
        return PeftModel.from_pretrained(base, path).merge_and_unload()
    return MMCoTForConditionalGeneration.from_pretrained(path)


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
