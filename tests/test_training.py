"""Training: what a batch holds, what a run leaves, what is not done twice, and that no label leaks."""

import json
from pathlib import Path

import datasets
import pytest
import torch
from safetensors.torch import load_file

import mmcot
from mmcot.configuration import RecipeError, load_recipe
from mmcot.modeling_mmcot import MMCoTProcessor
from mmcot.training import run_folder
from mmcot.training.ablations import blank_pictures, shuffled_pictures, stored_pictures
from mmcot.training.collator import MMCoTCollator
from mmcot.training.data import load_splits
from mmcot.training.evaluation import evaluate
from mmcot.training.inference import predict, visible
from mmcot.training.two_stage import run_two_stage


PACKAGED_RECIPE = Path(mmcot.__file__).parent / "configuration" / "sketchqa.yaml"
TINY = [
    *("--dataset", "sketchqa:train=32,validation=4,test=8,size=32"),
    *("--model.text_config.d_model", "32"),
    *("--model.text_config.d_ff", "32"),
    *("--model.text_config.d_kv", "8"),
    *("--model.vision_config.hidden_sizes", "[8,8]"),
    *("--model.vision_config.depths", "[1,1]"),
    *("--model.vision_config.embedding_size", "8"),
    *("--model.image_size", "32"),
    *("--training.eval_steps", "4"),
    *("--training.save_steps", "4"),
    *("--training.disable_tqdm", "true"),
    *("--training.use_cpu", "true"),
    *("--rationale.max_steps", "4"),
    *("--answer.max_steps", "4"),
]


def tiny_recipe(folder, *overrides):
    return load_recipe(PACKAGED_RECIPE, [*TINY, "--output_dir", str(folder), *overrides])


@pytest.fixture(scope="module")
def splits():
    return load_splits("sketchqa:train=24,validation=4,test=12,size=32")


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory):
    """A whole, tiny two-stage run and what it said."""
    folder, said = tmp_path_factory.mktemp("runs") / "tiny", []
    metrics = run_two_stage(tiny_recipe(folder), said.append)
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


def test_stages_have_different_weights_and_their_own_length(finished_run):
    folder, _, _ = finished_run
    generation = [json.loads((folder / name / "generation_config.json").read_text()) for name in (".", "answer")]
    assert [settings["max_new_tokens"] for settings in generation] == [48, 12]
    assert all("max_length" not in settings for settings in generation)
    assert (folder / "model.safetensors").read_bytes() != (folder / "answer" / "model.safetensors").read_bytes()


def test_same_command_again_says_it_is_done(finished_run):
    folder, metrics, _ = finished_run
    weights = (folder / "model.safetensors").stat().st_mtime_ns
    said = []
    assert run_two_stage(tiny_recipe(folder), said.append) == metrics
    assert "complete" in " ".join(said)
    assert (folder / "model.safetensors").stat().st_mtime_ns == weights


def test_other_recipe_is_refused_in_the_same_folder(finished_run):
    folder, _, _ = finished_run
    with pytest.raises(RecipeError, match="another recipe"):
        run_two_stage(tiny_recipe(folder, "--seed", "9"), print)


def test_interrupted_run_goes_on_where_it_was(finished_run, tmp_path, monkeypatch):
    folder, metrics, _ = finished_run
    recipe = tiny_recipe(tmp_path / "tiny")
    monkeypatch.setattr("mmcot.training.two_stage.write_rationales", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_two_stage(recipe, print)
    monkeypatch.undo()
    said = []
    resumed = run_two_stage(recipe, said.append)
    assert not any("Training the rationale model" in text for text in said)
    assert resumed["accuracy"] == metrics["accuracy"]
    for name in ("model.safetensors", "answer/model.safetensors", "predictions.jsonl"):
        assert (tmp_path / "tiny" / name).read_bytes() == (folder / name).read_bytes()


def interrupt(*_):
    raise KeyboardInterrupt


def test_full_disk_is_said_before_training(tmp_path, monkeypatch):
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr(run_folder.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RecipeError, match="MB free and training needs"):
        run_two_stage(tiny_recipe(tmp_path / "run"), print)


def test_answer_model_can_start_from_the_rationale_model(tmp_path):
    overrides = ["--answer.start_from", "rationale", "--answer.learning_rate", "0.0", "--training.weight_decay", "0.0"]
    run_two_stage(tiny_recipe(tmp_path / "run", *overrides), print)
    root, answer = (load_file(tmp_path / "run" / name / "model.safetensors") for name in (".", "answer"))
    trained = [name for name in root if "running_" not in name and "num_batches" not in name]
    assert all(torch.equal(root[name], answer[name]) for name in trained)


def test_collator_asks_the_processor(splits, tiny_processor):
    rows = [splits["train"][index] for index in range(4)]
    batch = MMCoTCollator(tiny_processor, "rationale")(rows)
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
    expected = predict(models, tiny_processor, test, max_new_tokens=6, progress=False)
    assert predict(models, tiny_processor, changed, max_new_tokens=6, progress=False) == expected
    assert {"answer", "solution", "lecture"}.isdisjoint(visible(test).column_names)


def test_predictions_do_not_depend_on_the_batch(splits, tiny_model, tiny_processor):
    models = {"rationale": tiny_model, "answer": tiny_model}
    together, alone = (
        predict(models, tiny_processor, splits["test"], batch_size=size, max_new_tokens=6, progress=False)
        for size in (5, 1)
    )
    assert together == alone
    assert [row["id"] for row in together] == splits["test"]["id"][:]


def test_evaluation_counts_missing_unknown_and_unparsed(splits):
    test = splits["test"]
    rows = [{"id": row["id"], "choice_index": row["answer"], "rationale": row["solution"]} for row in test]
    perfect = evaluate(rows, test, by=["family"])
    assert perfect["accuracy"]["average"]["value"] == 100
    assert perfect["accuracy"]["average"]["low"] < 100
    assert perfect["rationale"]["rouge_l"]["value"] == 1
    assert sum(entry["n"] for entry in perfect["accuracy"]["family"].values()) == len(test)
    rows[0]["choice_index"] = None
    spoiled = evaluate([*rows[:-1], {"id": "stranger", "choice_index": 0}], test)
    assert (spoiled["unparsed"], spoiled["missing"], spoiled["unknown"]) == (1, 1, 1)
    assert spoiled["accuracy"]["average"]["value"] == pytest.approx(100 * (len(test) - 2) / len(test))


def test_ablations_change_pictures_only(splits):
    test = splits["test"]
    pictured = [picture is not None for picture in stored_pictures(test)]
    blank, shuffled = blank_pictures(test), shuffled_pictures(test)
    for changed in (blank, shuffled):
        assert [picture is not None for picture in stored_pictures(changed)] == pictured
        assert changed.remove_columns("image")[:] == test.remove_columns("image")[:]
    assert all(row["image"].size == (32, 32) and len(row["image"].getcolors()) == 1 for row in blank if row["image"])
    before, after = ([p["bytes"] for p in stored_pictures(d) if p] for d in (test, shuffled))
    assert sorted(before) == sorted(after)
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_processor_of_a_run_reads_back(finished_run):
    folder, _, _ = finished_run
    processor = MMCoTProcessor.from_pretrained(folder)
    assert (processor.max_length, processor.max_target_length) == (128, 64)
    assert isinstance(processor.image_processor.size["height"], int)
    assert isinstance(load_splits("sketchqa:train=1,validation=1,test=1"), datasets.DatasetDict)


def test_unknown_data_set_says_what_there_is():
    with pytest.raises(ValueError, match="no data set 'nowhere'.*sketchqa"):
        load_splits("nowhere")
