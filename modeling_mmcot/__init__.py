"""What ships to the Hub: configuration, model, processor and pipeline, flat siblings that import each other.

The first use of one of these classes loads all of them, and registers them with the Auto classes and `pipeline()`, so
that a folder loads without its own code. Until then nothing loads torch or transformers: the files on words, answers
and pictures do without.
"""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .configuration_mmcot import MMCoTConfig
    from .modeling_mmcot import MMCoTForConditionalGeneration
    from .pipeline_mmcot import MMCoTPipeline
    from .processing_mmcot import MMCoTProcessor

__all__ = ["MMCoTConfig", "MMCoTForConditionalGeneration", "MMCoTPipeline", "MMCoTProcessor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    register_classes()
    return globals()[name]


def register_classes() -> None:
    """Loads the classes, and tells the library of them."""
    from transformers import (
        AutoConfig,
        AutoModel,
        AutoModelForImageTextToText,
        AutoModelForMultimodalLM,
        AutoModelForSeq2SeqLM,
        AutoProcessor,
    )
    from transformers.pipelines import PIPELINE_REGISTRY

    from .configuration_mmcot import TASK, MMCoTConfig
    from .modeling_mmcot import MMCoTForConditionalGeneration
    from .pipeline_mmcot import MMCoTPipeline
    from .processing_mmcot import MMCoTProcessor

    for loaded in (MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor):
        globals()[loaded.__name__] = loaded
    AutoConfig.register(MMCoTConfig.model_type, MMCoTConfig)
    for auto_class in (AutoModel, AutoModelForSeq2SeqLM, AutoModelForImageTextToText, AutoModelForMultimodalLM):
        auto_class.register(MMCoTConfig, MMCoTForConditionalGeneration)
    AutoProcessor.register(MMCoTConfig, MMCoTProcessor)
    PIPELINE_REGISTRY.register_pipeline(
        TASK, pipeline_class=MMCoTPipeline, pt_model=AutoModelForSeq2SeqLM, type="multimodal"
    )
