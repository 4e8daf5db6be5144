"""A trained folder at work needs nothing of what only training, drawing or the other engine needs."""

import subprocess
import sys

import pytest


IMPORT_ALL = """
import importlib, pkgutil, sys
import mmcot.inference

for module in pkgutil.iter_modules(mmcot.inference.__path__, "mmcot.inference."):
    importlib.import_module(module.name)
print(*sys.modules)
"""


@pytest.mark.slow
def test_inference_imports_no_trainer_no_adapters_and_no_charts():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert {"mmcot.inference.predict", "mmcot.inference.generation"} <= imported
    assert not imported & {"transformers.trainer", "transformers.training_args", "peft.tuners", "matplotlib"}
    assert "onnxruntime" not in imported
    assert not any(name.startswith("mmcot.training") for name in imported)
