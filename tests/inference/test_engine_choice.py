"""Which engine answers, by what there is."""

import os

import pytest

from mmcot.inference import engine_choice
from mmcot.inference.engine_choice import AUTO, ONNX, TORCH, find_export


@pytest.fixture(autouse=True)
def only_a_cpu(monkeypatch):
    monkeypatch.setattr(engine_choice, "ACCELERATORS", ())
    monkeypatch.setattr("sys.platform", "linux")


@pytest.fixture
def trained(tmp_path):
    """A trained folder with an export in it."""
    (tmp_path / "model.safetensors").touch()
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "engine.json").touch()
    os.utime(tmp_path / "model.safetensors", (1, 1))
    return tmp_path


def test_an_export_within_the_folder(trained):
    assert find_export(str(trained)) == find_export(str(trained), ONNX) == trained / "onnx"
    assert find_export(str(trained), TORCH) is None


def test_a_folder_that_is_an_export(trained):
    own = trained / "onnx"
    assert find_export(str(own)) == find_export(str(own), ONNX) == own
    with pytest.raises(ValueError, match="is an ONNX export; torch needs the folder it was made of"):
        find_export(str(own), TORCH)
    with pytest.raises(ValueError, match="is an ONNX export; --explain needs the folder"):
        find_export(str(own), AUTO, "--explain")


def test_what_only_torch_can_do(trained):
    assert find_export(str(trained), AUTO, "--explain") is None
    with pytest.raises(ValueError, match="--explain is for the engine torch"):
        find_export(str(trained), ONNX, "--explain")


def test_without_an_export(tmp_path):
    assert find_export(str(tmp_path)) is None
    assert find_export("someone/some-model") is None
    with pytest.raises(ValueError, match=r"has no ONNX export. Make one: mmcot export"):
        find_export(str(tmp_path), ONNX)


def test_an_export_that_is_older_than_the_model(trained):
    (trained / "answer").mkdir()
    (trained / "answer" / "model.safetensors").touch()
    os.utime(trained / "onnx" / "engine.json", (2, 2))
    assert find_export(str(trained)) is None
    with pytest.raises(ValueError, match="is older than the model; remove it, and export the model again"):
        find_export(str(trained), ONNX)


def test_a_machine_with_something_faster(trained, monkeypatch):
    device = trained / "device"
    device.touch()
    monkeypatch.setattr(engine_choice, "ACCELERATORS", (str(device),))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert find_export(str(trained)) is None
    assert find_export(str(trained), ONNX) == trained / "onnx"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert find_export(str(trained)) == trained / "onnx"


def test_without_onnxruntime(trained, monkeypatch):
    monkeypatch.setattr(engine_choice, "find_spec", lambda name: None)
    assert find_export(str(trained)) is None
