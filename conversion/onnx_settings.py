"""What an engine without torch and transformers has to know of an exported model, as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import GenerationConfig

from ..configuration.repository import Repository
from ..engine.folder import FORMAT
from ..engine.pixels import require_known_processor
from ..engine.writing_settings import require_known_settings
from ..modeling_mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER, find_stage


FULL_PRECISION = "fp32"
VISION, ENCODER, STEP = "vision.onnx", "encoder.onnx", "step.onnx"
# The language models whose blocks the graphs are made of.
LANGUAGE_MODELS = ("t5", "mt5")
# Of ids of tokens the graphs' own entries speak, and the rest is of files.
NOT_OF_GENERATION = (
    *("transformers_version", "_from_model_config", "cache_implementation", "use_cache", "return_dict_in_generate"),
    *("output_attentions", "output_hidden_states", "output_scores", "output_logits"),
)
# What is no JSON, such as functions, no setting of a picture is.
PLAIN = (bool, int, float, str, list, tuple, dict, type(None))


def require_exportable(config: MMCoTConfig, processor: MMCoTProcessor) -> None:
    """Refuses what the graphs cannot be made of.

    Raises:
        ValueError: in one line.
    """
    kind = config.text_config.model_type  # type: ignore[union-attr]
    if kind not in LANGUAGE_MODELS:
        raise ValueError(
            f"The language model is a {kind!r}; ONNX graphs are made of {' and '.join(LANGUAGE_MODELS)} only."
        )
    if config.vision_config is not None:
        picture_size(processor)
        require_known_processor(**image_processor_settings(processor))


def picture_size(processor: MMCoTProcessor) -> tuple[int, int]:
    """Height and width in pixels that the image processor gives every picture.

    Raises:
        ValueError: where it gives different ones to different pictures.
    """
    image_processor: Any = processor.image_processor
    shapes = set()
    for size in ((320, 200), (200, 320)):
        prepared = processor.encode_images([Image.new("RGB", size)])
        shapes.add(tuple(prepared["pixel_values"].shape[-2:]))
    if len(shapes) > 1 or "pixel_mask" in image_processor.model_input_names:
        raise ValueError(
            f"The image processor, {type(image_processor).__name__}, gives pictures different sizes; ONNX graphs read "
            "one size. Train with an image processor that has a fixed one."
        )
    height, width = shapes.pop()
    return height, width


def image_processor_settings(processor: MMCoTProcessor) -> dict[str, Any]:
    """The `name` of the class of an image processor, and its `settings`."""
    image_processor: Any = processor.image_processor
    settings = {
        name: value
        for name, value in image_processor.to_dict().items()
        if isinstance(value, PLAIN) and name != "auto_map"
    }
    return {"name": type(image_processor).__name__, "settings": settings}


def stage_settings(
    name: str, folder: str, vision: str | None, model: MMCoTForConditionalGeneration, processor: MMCoTProcessor
) -> dict[str, Any]:
    """What is to be known of a stage.

    Args:
        name: of the stage.
        folder: of its graphs within the export.
        vision: place of its image encoder within the export.
    """
    stage, text = find_stage(name), model.language_model.config
    prefix = "" if folder == ROOT_FOLDER else f"{folder}/"
    eos = model.generation_config.eos_token_id
    eos = model.config.eos_token_id if eos is None else eos
    start = model.generation_config.decoder_start_token_id
    return {
        "name": name,
        "folder": folder,
        "cue": stage.cue,
        "target": stage.target,
        "reads": list(stage.reads),
        "graphs": {"vision": vision, "encoder": prefix + ENCODER, "step": prefix + STEP},
        "layers": text.num_decoder_layers,
        "heads": text.num_heads,
        "key_size": text.d_kv,
        "vocabulary": model.get_output_embeddings().weight.shape[0],
        "decoder_start_token_id": model.config.decoder_start_token_id if start is None else start,
        "eos_token_ids": eos if isinstance(eos, list) else [] if eos is None else [eos],
        "pad_token_id": model.config.pad_token_id,
        "generation": generation_settings(model.generation_config, processor.max_target_length),
    }


def generation_settings(config: GenerationConfig, longest: int) -> dict[str, Any]:
    """How a stage writes: what its settings of `generate()` say other than the library, and how long it may get.

    Args:
        longest: tokens of a text, where the settings do not say.

    Raises:
        ValueError: for a setting that the engine has not.
    """
    settings = {
        name: value
        for name, value in config.to_diff_dict().items()
        if not name.endswith("_token_id") and name not in NOT_OF_GENERATION
    }
    length = settings.pop("max_length", None)
    if settings.get("max_new_tokens") is None:
        # `max_length` counts the token that begins every text, too.
        settings["max_new_tokens"] = longest if length is None else length - 1
    require_known_settings(settings)
    return settings


def engine_settings(
    repository: Repository,
    processor: MMCoTProcessor,
    stages: Sequence[Mapping[str, Any]],
    patches: int | None,
    precision: str,
) -> dict[str, Any]:
    """All that an engine has to know.

    Args:
        stages: see [`stage_settings`], in their order.
        patches: that the image encoder makes of a picture, `None` without one.
        precision: of the weights.
    """
    config = repository.config
    card = repository.read_card() or {}
    image: dict[str, Any] | None = None
    if patches is not None:
        height, width = picture_size(processor)
        known = image_processor_settings(processor)
        image = {
            "class": known["name"],
            "height": height,
            "width": width,
            "patches": patches,
            "settings": known["settings"],
        }
    return {
        "format": FORMAT,
        "label": Path(repository.name).resolve().name,
        "commit": repository.revision,
        "license": card.get("license"),
        "precision": precision,
        "image_feature_size": config.image_feature_size,
        "confidence_temperature": config.confidence_temperature,
        "words_temperature": config.words_temperature,
        "stages": list(stages),
        "words": {
            "newline": processor.newline,
            "lecture": processor.lecture,
            "max_length": processor.max_length,
            "max_target_length": processor.max_target_length,
        },
        "image": image,
    }
