"""`mmcot features` ahead of `mmcot train` and `mmcot predict`: nothing is computed a second time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

from mmcot.training.run_features import fill_features
from mmcot.training.two_stage import run_recipe


SKETCHQA = "sketchqa:train=24,validation=4,test=8,size=32"
CHECKPOINT = {"model.vision_config": "null", "model.image_size": "null"}


def save_checkpoint(folder):
    """A vision checkpoint as others publish it: encoder and image processor."""
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(**sizes, image_size=32, patch_size=16)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(params=["from scratch", "checkpoint"])
def recipe(request, tiny_recipe, tmp_path):
    """A recipe of both stages whose vision tower is frozen."""
    settings = {"dataset": SKETCHQA, "model.config.freeze_vision": "true", "rationale.max_steps": "2"}
    settings |= {"answer.max_steps": "2", "training.eval_strategy": "no", "training.save_strategy": "no"}
    if request.param == "checkpoint":
        settings |= CHECKPOINT | {"model.vision_model": save_checkpoint(tmp_path / "tower")}
    return tiny_recipe(tmp_path / "run", *(word for key, value in settings.items() for word in (f"--{key}", value)))


def cached_files(assets):
    """Every file of cached features, with the time of its last change."""
    return {path: path.stat().st_mtime_ns for path in Path(assets, "mmcot", "features").rglob("*") if path.is_file()}


@pytest.mark.slow
def test_training_computes_no_features_again(recipe, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.utils._cache_assets.HF_ASSETS_CACHE", str(tmp_path / "assets"))
    fill_features(recipe, say=lambda text: None)
    filled = cached_files(tmp_path / "assets")
    assert filled
    run_recipe(recipe, say=lambda text: None)
    assert cached_files(tmp_path / "assets") == filled


@pytest.mark.slow
def test_train_and_predict_compute_no_features_again(recipe, tmp_path):
    """The same in processes of their own, as a user calls them."""
    environment = os.environ | {"HF_HOME": str(tmp_path / "huggingface"), "OMP_NUM_THREADS": "1"}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe.settings))

    def mmcot(*words):
        words = [sys.executable, "-m", "mmcot.cli", *map(str, words)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-4000:]
        return cached_files(tmp_path / "huggingface" / "assets")

    filled = mmcot("features", tmp_path / "recipe.yaml")
    assert filled
    assert mmcot("train", tmp_path / "recipe.yaml") == filled
    options = ("--model", tmp_path / "run", "--dataset", SKETCHQA, "--output", tmp_path / "predictions.jsonl")
    assert mmcot("predict", *options) == filled
