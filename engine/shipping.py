"""The engine as a part of an export, which then answers where this package is not installed."""

import shutil
from pathlib import Path


CODE_FOLDER = "onnx_mmcot"
# What the engine uses of `modeling_mmcot`: files that need neither torch nor transformers.
PURE_FILES = (
    *("allowed_mmcot.py", "answers_mmcot.py", "confidence_mmcot.py", "free_answers_mmcot.py", "images_mmcot.py"),
    *("outcome_mmcot.py", "prompt_mmcot.py", "questions_mmcot.py", "samples_mmcot.py", "stage_records_mmcot.py"),
    "wording_mmcot.py",
)
FRONT = '''"""Answers from this export: `from onnx_mmcot import OnnxPipeline; pipe = OnnxPipeline(FOLDER)`.

It needs numpy, onnxruntime, tokenizers and pillow.
"""

from .engine import OnnxPipeline


__all__ = ["OnnxPipeline"]
'''


def carry_code(export: Path) -> None:
    """Puts the engine into an export, as a package `onnx_mmcot` of its own.

    Args:
        export: its folder.
    """
    here = Path(__file__).parent
    code = export / CODE_FOLDER
    for name, files in (
        ("engine", sorted(here.glob("*.py"))),
        ("modeling_mmcot", [here.parent / "modeling_mmcot" / file for file in PURE_FILES]),
    ):
        (code / name).mkdir(parents=True)
        for file in files:
            shutil.copyfile(file, code / name / file.name)
    (code / "modeling_mmcot" / "__init__.py").touch()
    (code / "__init__.py").write_text(FRONT, encoding="utf-8")
