"""An export at work: NumPy and onnxruntime, without torch and transformers."""

from .pipeline import OnnxPipeline


__all__ = ["OnnxPipeline"]
