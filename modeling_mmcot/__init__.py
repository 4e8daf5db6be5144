"""What ships to the Hub: configuration, model, processor and pipeline, flat siblings that import each other."""

from .configuration_mmcot import MMCoTConfig
from .modeling_mmcot import MMCoTForConditionalGeneration
from .pipeline_mmcot import MMCoTPipeline
from .processing_mmcot import MMCoTProcessor


__all__ = ["MMCoTConfig", "MMCoTForConditionalGeneration", "MMCoTPipeline", "MMCoTProcessor"]
