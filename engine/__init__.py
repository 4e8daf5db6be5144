"""An export at work: NumPy and onnxruntime, without torch and transformers."""

from typing import TYPE_CHECKING, Any


if TYPE_CHECKING:
    from .pipeline import OnnxPipeline

__all__ = ["OnnxPipeline"]


def __getattr__(name: str) -> Any:
    # Late, so that who only asks whether a folder is an export needs no onnxruntime.
    if name != "OnnxPipeline":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .pipeline import OnnxPipeline
    except ImportError as error:
        raise ImportError(
            f"The engine onnx needs onnxruntime ({error}); install it: pip install onnxruntime"
        ) from None
    return OnnxPipeline
