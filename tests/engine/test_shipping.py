"""The engine runs where this package, torch and transformers are not there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mmcot.engine
from mmcot.engine.shipping import PURE_FILES, carry_code


pytest.importorskip("onnxruntime")
ENGINE = Path(mmcot.engine.__file__).parent
LIBRARIES = {"numpy", "onnxruntime", "tokenizers", "PIL"}
# Where a library stands within a function or a guard: not needed for what an export does.
LATE = {"images_mmcot.py": {"transformers", "torch", "pillow_heif"}}
ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
for name in ("mmcot", "torch", "transformers", "huggingface_hub", "datasets"):
    sys.modules[name] = None  # cannot be imported
from onnx_mmcot import OnnxPipeline
try:
    OnnxPipeline(sys.argv[1])
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("path", sorted(ENGINE.glob("*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_but_what_goes_with_it(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= LIBRARIES | sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module.partition(".")[0] in LIBRARIES | sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom) and node.level == 2:
            assert f"{node.module.removeprefix('modeling_mmcot.')}.py" in PURE_FILES


@pytest.mark.parametrize("name", PURE_FILES)
def test_what_goes_with_it_needs_no_more(name):
    tree = ast.parse((ENGINE.parent / "modeling_mmcot" / name).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert f"{node.module}.py" in PURE_FILES
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            tops = {each.partition(".")[0] for each in names}
            assert tops <= LIBRARIES | LATE.get(name, set()) | sys.stdlib_module_names


def test_an_export_brings_its_engine(tmp_path):
    carry_code(tmp_path)
    ran = subprocess.run(
        [sys.executable, "-I", "-c", ALONE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert f"{tmp_path} has no engine.json" in ran.stdout
