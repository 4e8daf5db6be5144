"""mmcot: Multimodal Chain-of-Thought for the Hugging Face ecosystem.

Importing it registers configuration, model, processor and pipeline with the Auto classes and `pipeline()`.
"""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    AutoModelForSeq2SeqLM,
    AutoProcessor,
)
from transformers.pipelines import PIPELINE_REGISTRY

from .modeling_mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from .modeling_mmcot.configuration_mmcot import TASK


__version__ = "0.1.0"
__all__ = ["MMCoTConfig", "MMCoTForConditionalGeneration", "MMCoTPipeline", "MMCoTProcessor"]

AutoConfig.register(MMCoTConfig.model_type, MMCoTConfig)
for auto_class in (AutoModel, AutoModelForSeq2SeqLM, AutoModelForImageTextToText):
    auto_class.register(MMCoTConfig, MMCoTForConditionalGeneration)
AutoProcessor.register(MMCoTConfig, MMCoTProcessor)
PIPELINE_REGISTRY.register_pipeline(
    TASK, pipeline_class=MMCoTPipeline, pt_model=AutoModelForSeq2SeqLM, type="multimodal"
)
