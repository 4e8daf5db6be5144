"""The processor and the models that a recipe describes: from checkpoints, or from scratch; whole, or as adapters."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import datasets
from peft import LoraConfig, PeftMixedModel, PeftModel, TaskType, get_peft_model
from torch import nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    BaseImageProcessor,
    BitsAndBytesConfig,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    ViTImageProcessorPil,
)

from ..configuration import LoraArguments, ModelArguments, ProcessorArguments, Recipe, StageArguments
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ANSWER, CHAIN, RATIONALE
from .origin import Origin
from .start import fast_start
from .tokenizer import train_tokenizer


# New parts of the model, which have nothing that an adapter could adapt.
NEW_PARTS = ["fusion"]


def build_processor(recipe: Recipe, origin: Origin | None, train: datasets.Dataset) -> MMCoTProcessor:
    """The processor of a recipe; where it names no tokenizer, one is trained on the training split."""
    if origin is not None:
        return origin.processor()
    model = recipe.model
    image_processor = build_image_processor(model)
    tokenizer_source = model.tokenizer or model.text_model
    if tokenizer_source is not None:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_source)
    else:
        texts = training_texts(image_processor, recipe.processor, train)
        tokenizer = train_tokenizer(texts, model.vocab_size)
    return MMCoTProcessor(image_processor, tokenizer, **vars(recipe.processor))


def build_image_processor(model: ModelArguments) -> BaseImageProcessor:
    """What makes pictures ready for the tower of a model section."""
    size = model.image_size
    square = {"height": size, "width": size} if isinstance(size, int) else None
    settings = {} if size is None else {"size": square or size}
    if model.vision_model is None:
        return ViTImageProcessorPil(**settings)
    image_processor = AutoImageProcessor.from_pretrained(model.vision_model)
    if square and getattr(image_processor, "do_center_crop", False):
        settings["crop_size"] = square  # or a smaller square would be cut out of it
    return AutoImageProcessor.from_pretrained(model.vision_model, **settings)


def training_texts(image_processor, settings: ProcessorArguments, train: datasets.Dataset) -> Iterator[str]:
    """Every prompt and target of both stages, which hold all words of the others, too."""
    wordless = MMCoTProcessor(image_processor, train_tokenizer([""]), **vars(settings))
    for row in train.remove_columns("image"):
        for stage in CHAIN:
            yield wordless.build_prompt(row, stage)
            yield wordless.build_target(row, stage)


def build_start(
    recipe: Recipe,
    origin: Origin | None,
    stages: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
    gate_bias: float | None = None,
) -> MMCoTForConditionalGeneration:
    """What the training of these stages starts from; a gate that has learned keeps its bias."""
    if origin is not None:
        return origin.model(stages)
    return build_base(recipe.model, tokenizer, gate_bias, reads_pictures(recipe, stages))


def reads_pictures(recipe: Recipe, stages: Sequence[str]) -> bool:
    """Whether a new model for these stages reads pictures."""
    return recipe.answer_reads_pictures or tuple(stages) != (ANSWER,)


def build_base(
    model: ModelArguments,
    tokenizer: PreTrainedTokenizerBase,
    gate_bias: float | None = None,
    pictures: bool = True,
) -> MMCoTForConditionalGeneration:
    """The model section as a model. Weights that no checkpoint brings are drawn: seed them before.

    Args:
        gate_bias: where the gate's bias starts, if not as `model.config` says.
        pictures: whether it reads pictures.
    """
    config = dict(model.config)
    if not pictures:
        config["image_feature_size"] = 0
    if gate_bias is not None:
        config["gate_bias"] = gate_bias
    if model.text_config is not None:
        config["text_config"] = text_config(model.text_config, tokenizer)
    if model.vision_config is not None and pictures:
        config["vision_config"] = AutoConfig.for_model(**model.vision_config)
    built = MMCoTForConditionalGeneration.from_pretrained_parts(
        model.text_model, model.vision_model if pictures else None, **config
    )
    if model.fast_start:
        fast_start(built)
    return built


def text_config(settings: dict, tokenizer: PreTrainedTokenizerBase) -> PreTrainedConfig:
    """A language model's configuration with the ids of the tokenizer."""
    ids = {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    return AutoConfig.for_model(**{**ids, "decoder_start_token_id": tokenizer.pad_token_id, **settings})


def load_base(folder: Path, quantization: dict | None = None) -> MMCoTForConditionalGeneration:
    """A saved model, its language model in fewer bits where that is wanted."""
    if quantization is None:
        return MMCoTForConditionalGeneration.from_pretrained(folder)
    settings = BitsAndBytesConfig(llm_int8_skip_modules=[*NEW_PARTS, "vision_tower", "lm_head"], **quantization)
    return MMCoTForConditionalGeneration.from_pretrained(folder, quantization_config=settings)


def new_adapter(
    base: MMCoTForConditionalGeneration, lora: LoraArguments, gate_bias: float | None
) -> MMCoTForConditionalGeneration:
    """A base with a fresh adapter to train; the fusion starts as the base's, the gate's bias as given."""
    # The tower gets no adapter. Not frozen, it would go on counting the averages that some towers normalise by.
    base.config.freeze_vision = True
    base.freeze_vision_tower()
    if gate_bias is not None and base.fusion is not None:
        nn.init.constant_(base.fusion.gate.bias, gate_bias)
    new_parts = [] if base.fusion is None else NEW_PARTS
    config = LoraConfig(
        task_type=TaskType.SEQ_2_SEQ_LM,
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=lora.target_modules,
        modules_to_save=new_parts,
    )
    return as_model(get_peft_model(base, config))


def load_adapter(
    base: MMCoTForConditionalGeneration, folder: Path, is_trainable: bool = False
) -> MMCoTForConditionalGeneration:
    """A base with a saved adapter."""
    return as_model(PeftModel.from_pretrained(base, str(folder), is_trainable=is_trainable))


def as_model(adapted: PeftModel | PeftMixedModel) -> MMCoTForConditionalGeneration:
    """A model with adapters is one to the type checker, too: it passes on what is asked of the model in it."""
    return cast(MMCoTForConditionalGeneration, adapted)


def starting_seed(arguments: StageArguments, name: str) -> int:
    """The seed of a model's weights; those of stage 1 have one of their own."""
    return arguments.seed if name == RATIONALE else arguments.seed + 1
