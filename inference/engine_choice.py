"""Which engine answers: torch, or onnxruntime where there is an export. Importing this is quick."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ..engine.folder import ENGINE_FILE, is_export


AUTO, TORCH, ONNX = "auto", "torch", "onnx"
ENGINES = (AUTO, TORCH, ONNX)
EXPORT_FOLDER = "onnx"  # in a trained folder
# Where there is one of these, torch has something faster than the CPU.
ACCELERATORS = ("/dev/nvidia0", "/dev/kfd", "/dev/dxg")


def find_export(model: str, engine: str = AUTO, only_torch: str | None = None) -> Path | None:
    """The export that answers instead of a model; `None` where torch does.

    Args:
        model: folder or Hub id.
        engine: one of `ENGINES`. `auto` takes an export that is not older than the model, on a machine whose fastest
            processor is its CPU.
        only_torch: the name of something that is asked for and that only torch can do.

    Raises:
        ValueError: where there is no export, or nothing else; says what to do.
    """
    own = Path(model)
    if is_export(own):
        if engine == TORCH or only_torch:
            raise ValueError(f"{model} is an ONNX export; {only_torch or 'torch'} needs the folder it was made of.")
        return own
    inner = own / EXPORT_FOLDER
    if engine == TORCH or only_torch and engine == AUTO:
        return None
    if engine == ONNX:
        if only_torch:
            raise ValueError(f"{only_torch} is for the engine torch; leave it out, or use that engine.")
        if not is_export(inner):
            raise ValueError(f"{model} has no ONNX export. Make one: mmcot export {model} {inner} --format onnx")
        if is_stale(own, inner):
            raise ValueError(f"{inner} is older than the model; remove it, and export the model again.")
        return inner
    ready = is_export(inner) and not is_stale(own, inner) and find_spec("onnxruntime") is not None
    return inner if ready and not has_accelerator() else None


def is_stale(folder: Path, export: Path) -> bool:
    """Whether a model was trained again after it was exported."""
    exported = (export / ENGINE_FILE).stat().st_mtime
    return any(path.stat().st_mtime > exported for path in folder.glob("**/*.safetensors"))


def has_accelerator() -> bool:
    """Whether torch may find something faster here than the CPU; it is not asked, which would take seconds."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return sys.platform == "darwin" or not hidden and any(map(os.path.exists, ACCELERATORS))
