"""Every way to train: what the run folder then holds, and that one pipeline call loads it."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import ViTModel, pipeline

from mmcot.configuration import RecipeError
from mmcot.data import load_splits
from mmcot.inference.predict import predict_file
from mmcot.inference.row_files import read_rows
from mmcot.modeling_mmcot.parts_mmcot import load_vision_tower
from mmcot.training.two_stage import run_recipe

from ..ways import FROZEN, LORA, QUESTION


def stages_of(folder):
    return json.loads((folder / "config.json").read_text())["stages"]


def ask(folder):
    return pipeline("multimodal-cot", model=str(folder), trust_remote_code=True)(QUESTION, max_new_tokens=4)


@pytest.mark.slow
def test_one_stage_writes_answers_only(tiny_recipe, tmp_path):
    metrics = run_recipe(tiny_recipe(tmp_path / "run", "--formats", "direct"), print)
    rows = read_rows(tmp_path / "run" / "predictions.jsonl")
    assert stages_of(tmp_path / "run") == {"direct": "."}
    assert {row["rationale"] for row in rows} == {None}
    assert all(sum(row["scores"]) == pytest.approx(1, abs=1e-3) for row in rows)
    assert metrics["rationale"] == {}
    assert list(metrics["training"]) == ["one_stage"]
    assert ask(tmp_path / "run")["rationale"] is None


@pytest.mark.slow
def test_model_without_eyes_reads_the_text_of_pictured_problems(tiny_recipe, tmp_path):
    run_recipe(tiny_recipe(tmp_path / "run", "--model.vision_config", "null", "--formats", "direct"), print)
    rows = predict_file(str(tmp_path / "run"), "sketchqa:train=1,validation=1,test=8", "test", tmp_path / "out.jsonl")
    assert len(rows) == 8


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rationale_answer", "answer_rationale"])
def test_one_stage_with_rationale_has_both_in_one_text(tiny_recipe, tmp_path, name):
    run_recipe(tiny_recipe(tmp_path / "run", "--formats", name), print)
    rows = read_rows(tmp_path / "run" / "predictions.jsonl")
    assert stages_of(tmp_path / "run") == {name: "."}
    assert all(isinstance(row["rationale"], str) and row["scores"] is None for row in rows)
    assert ask(tmp_path / "run")["scores"] is None


@pytest.mark.slow
def test_joint_model_is_one_for_both_stages(tiny_recipe, tmp_path):
    metrics = run_recipe(tiny_recipe(tmp_path / "run", "--stages", "joint"), print)
    assert stages_of(tmp_path / "run") == {"rationale": ".", "answer": "."}
    assert not (tmp_path / "run" / "answer").exists()
    history = json.loads((tmp_path / "run" / "run" / "joint.json").read_text())["history"]
    assert any({"eval_conclusion", "eval_rouge_l", "eval_accuracy"} <= set(entry) for entry in history)
    assert metrics["accuracy"]["average"]["n"] == 8
    assert isinstance(ask(tmp_path / "run")["rationale"], str)


@pytest.mark.slow
def test_stages_one_after_the_other_equal_both(tiny_recipe, tmp_path):
    both, steps = tmp_path / "both", tmp_path / "steps"
    expected = run_recipe(tiny_recipe(both), print)
    with pytest.raises(RecipeError, match="no rationale model yet"):
        run_recipe(tiny_recipe(steps, "--stages", "answer"), print)
    first = run_recipe(tiny_recipe(steps, "--stages", "rationale"), print)
    assert "accuracy" not in first
    assert first["rationale"] == expected["rationale"]
    assert stages_of(steps) == {"rationale": "."}
    second = run_recipe(tiny_recipe(steps, "--stages", "answer"), print)
    assert second["accuracy"] == expected["accuracy"]
    assert stages_of(steps) == stages_of(both)
    for name in ("model.safetensors", "answer/model.safetensors", "predictions.jsonl"):
        assert (steps / name).read_bytes() == (both / name).read_bytes()


@pytest.mark.slow
def test_generated_rationales_come_from_models_that_did_not_see_the_problem(tiny_recipe, tmp_path, monkeypatch):
    trained, written = [], []
    monkeypatch.setattr("mmcot.training.rationales.train_into", recorder("train_into", trained))
    monkeypatch.setattr("mmcot.training.rationales.complete_rows", recorder("complete_rows", written))
    run_recipe(tiny_recipe(tmp_path / "run", "--answer_rationales", "generated", "--folds", "3"), print)
    parts = [call[1]["id"][:] for call in written if "train" in call[0].name]
    assert [len(part) for part in parts] == [11, 11, 10]
    assert sorted(sum(parts, [])) == sorted(load_splits(tiny_recipe(tmp_path / "x").dataset)["train"]["id"])
    assert all(set(call[-1]["id"]).isdisjoint(part) for call, part in zip(trained, parts, strict=True))
    assert not (tmp_path / "run" / "run" / "folds").exists()


def recorder(name, calls):
    from mmcot.training import rationales

    function = getattr(rationales, name)

    def record(*arguments, **options):
        calls.append(arguments)
        return function(*arguments, **options)

    return record


@pytest.mark.slow
def test_adapters_lie_beside_one_base(tiny_recipe, tmp_path):
    folder, said = tmp_path / "run", []
    run_recipe(tiny_recipe(folder, *LORA, *FROZEN), said.append)
    assert stages_of(folder) == {"rationale": "rationale", "answer": "answer"}
    assert not (folder / "adapter_config.json").exists()
    base = load_file(folder / "model.safetensors")
    for stage in ("rationale", "answer"):
        weights = load_file(folder / stage / "adapter_model.safetensors")
        assert {name.split(".")[-2] for name in weights if "lora" in name} == {"lora_A", "lora_B"}
        trained = weights["base_model.model.fusion.gate.weight"]
        assert not torch.equal(trained, base["fusion.gate.weight"])
    assert any("parameters are trained" in text for text in said)
    answer = ask(folder)
    assert isinstance(answer["rationale"], str)
    assert sum(answer["scores"]) == pytest.approx(1)


@pytest.mark.slow
def test_merged_adapters_are_whole_models_that_predict_the_same(tiny_recipe, tmp_path):
    merged, adapters = tmp_path / "merged", tmp_path / "adapters"
    run_recipe(tiny_recipe(adapters, *LORA, *FROZEN), print)
    run_recipe(tiny_recipe(merged, *LORA, *FROZEN, "--lora.merge", "true"), print)
    assert stages_of(merged) == {"rationale": ".", "answer": "answer"}
    assert not list(merged.rglob("adapter_config.json"))
    assert ask(merged)["rationale"] == ask(adapters)["rationale"]


@pytest.mark.slow
def test_cached_features_train_the_same_model(tiny_recipe, tmp_path):
    runs = {}
    for cached in ("true", "false"):
        recipe = tiny_recipe(tmp_path / cached, *FROZEN, "--model.cache_features", cached)
        run_recipe(recipe, print)
        runs[cached] = (
            load_file(tmp_path / cached / "model.safetensors"),
            read_rows(tmp_path / cached / "predictions.jsonl"),
        )
    for name, weight in runs["true"][0].items():
        torch.testing.assert_close(weight, runs["false"][0][name], rtol=1e-4, atol=1e-5)
    texts = [[row["answer_text"] for row in rows] for _, rows in runs.values()]
    assert texts[0] == texts[1]


def test_tower_is_the_same_whatever_its_checkpoint_lacks(tiny_config, tmp_path):
    ViTModel(tiny_config.vision_config, add_pooling_layer=False).save_pretrained(tmp_path)
    towers, drawn = [], []
    for seed in (1, 2):
        torch.manual_seed(seed)
        towers.append(load_vision_tower(str(tmp_path)).state_dict())
        drawn.append(torch.rand(1))
    assert any("pooler" in name for name in towers[0])
    assert all(torch.equal(tensor, towers[1][name]) for name, tensor in towers[0].items())
    assert drawn[0] != drawn[1]
