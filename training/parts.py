"""The processor and the models that a recipe describes: from checkpoints, or from scratch."""

from collections.abc import Iterator

import datasets
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedTokenizerBase,
    ViTImageProcessorPil,
    set_seed,
)

from mmcot.configuration import ModelArguments, ProcessorArguments, Recipe, StageArguments
from mmcot.modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.modeling_mmcot.configuration_mmcot import ANSWER, RATIONALE
from mmcot.training.fast_start import fast_start
from mmcot.training.tokenizer import train_tokenizer


def build_processor(recipe: Recipe, train: datasets.Dataset) -> MMCoTProcessor:
    """The processor of a recipe; where it names no tokenizer, one is trained on the training split."""
    model = recipe.model
    if model.vision_model is not None:
        image_processor = AutoImageProcessor.from_pretrained(model.vision_model)
    else:
        image_processor = ViTImageProcessorPil(size={"height": model.image_size, "width": model.image_size})
    tokenizer_source = model.tokenizer or model.text_model
    if tokenizer_source is not None:
        tokenizer = AutoTokenizer.from_pretrained(tokenizer_source)
    else:
        texts = training_texts(image_processor, recipe.processor, train)
        tokenizer = train_tokenizer(texts, model.vocab_size)
    return MMCoTProcessor(image_processor, tokenizer, **vars(recipe.processor))


def training_texts(image_processor, settings: ProcessorArguments, train: datasets.Dataset) -> Iterator[str]:
    """Every prompt and target of both stages; the stage 2 prompt holds all other words too."""
    wordless = MMCoTProcessor(image_processor, train_tokenizer([""]), **vars(settings))
    for row in train.remove_columns("image"):
        for stage in (RATIONALE, ANSWER):
            yield wordless.build_prompt(row, stage)
            yield wordless.build_target(row, stage)


def build_model(
    recipe: Recipe, stage: str, arguments: StageArguments, tokenizer: PreTrainedTokenizerBase, rationale_folder: str
) -> MMCoTForConditionalGeneration:
    """The model a stage starts with; the same seed gives the same weights, whatever ran before."""
    set_seed(arguments.seed + (stage != RATIONALE))
    if arguments.start_from == RATIONALE:
        model = MMCoTForConditionalGeneration.from_pretrained(rationale_folder)
    else:
        model = start_from_base(recipe.model, arguments, tokenizer)
    model.generation_config.max_new_tokens = arguments.generation_max_length
    model.generation_config.num_beams = arguments.generation_num_beams or 1
    return model


def start_from_base(
    model: ModelArguments, arguments: StageArguments, tokenizer: PreTrainedTokenizerBase
) -> MMCoTForConditionalGeneration:
    """The model section as a model."""
    config = dict(model.config)
    if arguments.gate_bias is not None:
        config["gate_bias"] = arguments.gate_bias
    if model.text_config is not None:
        config["text_config"] = text_config(model.text_config, tokenizer)
    if model.vision_config is not None:
        config["vision_config"] = AutoConfig.for_model(**model.vision_config)
    built = MMCoTForConditionalGeneration.from_pretrained_parts(model.text_model, model.vision_model, **config)
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
