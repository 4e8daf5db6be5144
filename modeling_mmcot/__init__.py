"""What ships to the Hub: configuration, model, processor and pipeline, flat siblings that import each other.

Here they are registered with the Auto classes and `pipeline()`, so that a folder loads without its own code.
"""

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


__all__ = ["MMCoTConfig", "MMCoTForConditionalGeneration", "MMCoTPipeline", "MMCoTProcessor"]

AutoConfig.register(MMCoTConfig.model_type, MMCoTConfig)
for auto_class in (AutoModel, AutoModelForSeq2SeqLM, AutoModelForImageTextToText, AutoModelForMultimodalLM):
    auto_class.register(MMCoTConfig, MMCoTForConditionalGeneration)
AutoProcessor.register(MMCoTConfig, MMCoTProcessor)
PIPELINE_REGISTRY.register_pipeline(
    TASK, pipeline_class=MMCoTPipeline, pt_model=AutoModelForSeq2SeqLM, type="multimodal"
)
