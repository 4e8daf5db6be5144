"""Training: what a batch holds, what a run leaves, what is not done twice, and that no label leaks."""

import json

import datasets
import pytest
import torch
from safetensors.torch import load_file

from mmcot.configuration import RecipeError
from mmcot.data import load_splits
from mmcot.inference.generation import predict, visible
from mmcot.modeling_mmcot import MMCoTProcessor
from mmcot.training import run_folder
from mmcot.training.collator import MMCoTCollator
from mmcot.training.two_stage import run_recipe


@pytest.fixture(scope="module")
def splits():
    return load_splits("sketchqa:train=24,validation=4,test=12,size=32")


@pytest.fixture(scope="module")
def finished_run(tiny_recipe, tmp_path_factory):
    """A whole, tiny two-stage run and what it said."""
    folder, said = tmp_path_factory.mktemp("runs") / "tiny", []
    metrics = run_recipe(tiny_recipe(folder), said.append)
    return folder, metrics, said


def test_run_folder_is_a_repository(finished_run):
    folder, metrics, _ = finished_run
    names = {path.name for path in folder.iterdir()}
    code = {f"{name}_mmcot.py" for name in ("configuration", "modeling", "encoder", "processing", "pipeline")}
    files = {"config.json", "model.safetensors", "processor_config.json", "tokenizer.json", "README.md"}
    results = {"metrics.json", "recipe.yaml", "curves.png", "predictions.jsonl"}
    assert code | files | results <= names
    assert json.loads((folder / "config.json").read_text())["stages"] == {"rationale": ".", "answer": "answer"}
    assert (folder / "answer" / "model.safetensors").exists()
    assert not list(folder.rglob("*.bin"))
    assert not list(folder.rglob("optimizer.pt"))
    assert json.loads((folder / "metrics.json").read_text()) == metrics


def test_a_run_ends_with_a_verdict(finished_run):
    folder, metrics, said = finished_run
    assert list(metrics)[:2] == ["verdict", "baselines"]
    assert said[-1] == metrics["verdict"]
    assert {name: row["accuracy"]["n"] for name, row in metrics["baselines"].items()} == dict.fromkeys(
        ["full system", "blank pictures", "most frequent answer", "chance"], 8
    )
    assert metrics["verdict"] in (folder / "README.md").read_text(encoding="utf-8")


def test_stages_have_different_weights_and_their_own_length(finished_run):
    folder, _, _ = finished_run
    generation = [json.loads((folder / name / "generation_config.json").read_text()) for name in (".", "answer")]
    assert [settings["max_new_tokens"] for settings in generation] == [16, 12]
    assert all("max_length" not in settings for settings in generation)
    assert (folder / "model.safetensors").read_bytes() != (folder / "answer" / "model.safetensors").read_bytes()


def test_same_command_again_says_it_is_done(tiny_recipe, finished_run):
    folder, metrics, _ = finished_run
    weights = (folder / "model.safetensors").stat().st_mtime_ns
    said = []
    assert run_recipe(tiny_recipe(folder), said.append) == metrics
    assert "complete" in " ".join(said)
    assert (folder / "model.safetensors").stat().st_mtime_ns == weights


def test_other_recipe_is_refused_in_the_same_folder(tiny_recipe, finished_run):
    folder, _, _ = finished_run
    with pytest.raises(RecipeError, match="another recipe"):
        run_recipe(tiny_recipe(folder, "--seed", "9"), print)


@pytest.mark.slow
def test_interrupted_run_goes_on_where_it_was(tiny_recipe, finished_run, tmp_path, monkeypatch):
    folder, metrics, _ = finished_run
    recipe = tiny_recipe(tmp_path / "tiny")
    monkeypatch.setattr("mmcot.training.two_stage.generate_for_next_stage", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(recipe, print)
    monkeypatch.undo()
    said = []
    resumed = run_recipe(recipe, said.append)
    assert not any("Training the rationale model" in text for text in said)
    assert resumed["accuracy"] == metrics["accuracy"]
    for name in ("model.safetensors", "answer/model.safetensors", "predictions.jsonl"):
        assert (tmp_path / "tiny" / name).read_bytes() == (folder / name).read_bytes()


def interrupt(*_):
    raise KeyboardInterrupt


def test_full_disk_is_said_before_training(tiny_recipe, tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RecipeError, match="MB free and training needs"):
        run_recipe(tiny_recipe(tmp_path / "run"), print)


@pytest.mark.slow
def test_answer_model_can_start_from_the_rationale_model(tiny_recipe, tmp_path):
    still = ["--answer.learning_rate", "1e-20", "--training.weight_decay", "0.0"]
    overrides = ["--answer.start_from", "rationale", *still]
    run_recipe(tiny_recipe(tmp_path / "run", *overrides), print)
    root, answer = (load_file(tmp_path / "run" / name / "model.safetensors") for name in (".", "answer"))
    trained = [name for name in root if "running_" not in name and "num_batches" not in name]
    assert all(torch.allclose(root[name], answer[name], rtol=0, atol=1e-12) for name in trained)


def test_collator_asks_the_processor(splits, tiny_processor):
    rows = [splits["train"][index] for index in range(4)]
    batch = MMCoTCollator(tiny_processor)([row | {"prompt_stage": "rationale"} for row in rows])
    assert batch["input_ids"].shape == batch["attention_mask"].shape
    assert batch["image_attention_mask"].squeeze(1).tolist() == [row["image"] is not None for row in rows]
    first = batch["labels"][0]
    written = tiny_processor.tokenizer.decode(first[first != -100], skip_special_tokens=True)
    assert written == tiny_processor.tokenizer.decode(
        tiny_processor.tokenizer(tiny_processor.build_target(rows[0], "rationale"))["input_ids"],
        skip_special_tokens=True,
    )


def test_predictions_do_not_see_labels(splits, tiny_model, tiny_processor):
    test = splits["test"]
    changed = test.map(lambda row: {"answer": 0, "solution": "none", "lecture": "none", "box": None, "family": "x"})
    models = {"rationale": tiny_model, "answer": tiny_model}
    expected = predict(models, tiny_processor, test, max_new_tokens=6)
    assert predict(models, tiny_processor, changed, max_new_tokens=6) == expected
    assert {"answer", "solution", "lecture"}.isdisjoint(visible(test).column_names)


def test_predictions_do_not_depend_on_the_batch(splits, tiny_model, tiny_processor):
    models = {"rationale": tiny_model, "answer": tiny_model}
    together, alone = (
        predict(models, tiny_processor, splits["test"], batch_size=size, max_new_tokens=6) for size in (5, 1)
    )
    for row, other in zip(together, alone, strict=True):
        assert row.pop("scores") == pytest.approx(other.pop("scores"), abs=2e-4)
    assert together == alone
    assert [row["id"] for row in together] == splits["test"]["id"][:]


def test_processor_of_a_run_reads_back(finished_run):
    folder, _, _ = finished_run
    processor = MMCoTProcessor.from_pretrained(folder)
    assert (processor.max_length, processor.max_target_length) == (128, 64)
    assert isinstance(processor.image_processor.size["height"], int)
    assert isinstance(load_splits("sketchqa:train=1,validation=1,test=1"), datasets.DatasetDict)


def test_unknown_data_set_says_what_there_is():
    with pytest.raises(ValueError, match="no data set 'nowhere'.*sketchqa"):
        load_splits("nowhere")
