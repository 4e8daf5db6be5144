"""`answer_reads_pictures: false`: an answer model without eyes, beside a rationale model that looks."""

import json

import pytest

from mmcot.configuration import LoraArguments
from mmcot.configuration.recipe import build_recipe
from mmcot.data import load_splits
from mmcot.evaluation.ablations import run_ablations
from mmcot.inference.load import load_trained
from mmcot.training.parts import build_start, new_adapter
from mmcot.training.two_stage import run_recipe


BLIND = ["--answer_reads_pictures", "false"]
SEES = ["--answer_reads_pictures", "true"]


@pytest.mark.parametrize(
    ("words", "stages", "reads"),
    [
        (BLIND, ("answer",), False),
        (BLIND, ("rationale",), True),
        (BLIND, ("rationale", "answer"), True),
        (BLIND, ("direct",), True),
        (SEES, ("answer",), True),
    ],
    ids=str,
)
def test_only_an_answer_model_of_its_own_is_blind(words, stages, reads, tiny_recipe, tiny_tokenizer, tmp_path):
    model = build_start(tiny_recipe(tmp_path, *words), None, stages, tiny_tokenizer, gate_bias=-4)
    assert (model.vision_tower is not None, model.fusion is not None) == (reads, reads)


def test_adapters_go_on_a_model_without_eyes(make_model):
    blind = make_model(vision_config=None, image_feature_size=0)
    adapted = new_adapter(blind, LoraArguments(r=2, target_modules=r"language_model\..*\.q"), gate_bias=-4)
    assert {name.split(".")[-3] for name, weight in adapted.named_parameters() if weight.requires_grad} == {
        "lora_A",
        "lora_B",
    }


@pytest.mark.slow
@pytest.mark.parametrize("frozen", ["true", "false"])
def test_a_run_with_one_stage_that_looks(tiny_recipe, tmp_path, frozen):
    folder, said = tmp_path / "run", []
    recipe = tiny_recipe(folder, *BLIND, "--model.config.freeze_vision", frozen)
    metrics = run_recipe(recipe, said.append)
    assert any(text.startswith("Training the answer model") and "reads no pictures" in text for text in said)
    assert json.loads((folder / "answer" / "config.json").read_text())["image_feature_size"] == 0
    assert metrics["baselines"]["blank pictures"]["accuracy"]["n"] == 8
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "It reads no pictures" in card
    assert 'images=[picture] if stage == "rationale" else None' in card
    models, processor, features = load_trained(folder)
    assert list(features) == (["rationale"] if frozen == "true" else [])
    test = load_splits(recipe.dataset)["test"]
    ablated = run_ablations(models, processor, test, [], features=features, progress=False)
    answers = [row["choice_index"] for row in ablated["blank pictures, answer stage"]]
    assert answers == [row["choice_index"] for row in ablated["shuffled pictures, answer stage"]]
    again = run_recipe(tiny_recipe(folder, *BLIND, "--model.config.freeze_vision", frozen), said.append)
    assert again == metrics


@pytest.mark.slow
def test_a_run_goes_on_from_a_folder_whose_answer_model_is_blind(tiny_recipe, tmp_path):
    run_recipe(tiny_recipe(tmp_path / "first", *BLIND), print)
    settings = tiny_recipe(tmp_path / "second").settings | {
        "model": {"from": str(tmp_path / "first")},
        "lora": {"r": 2},
    }
    del settings["processor"]
    run_recipe(build_recipe(settings), print)
    config = json.loads((tmp_path / "second" / "answer" / "config.json").read_text())
    assert (config["image_feature_size"], config["vision_config"]) == (0, None)
