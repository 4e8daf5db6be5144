"""`model.from`: a run that goes on from a trained folder, here or on the Hub."""

import json
import socket
from pathlib import Path

import pytest
import torch
from huggingface_hub import CommitOperationAdd, HfApi
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file

import mmcot
from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from mmcot.cli.main import main
from mmcot.configuration import RecipeError
from mmcot.configuration.recipe import build_recipe
from mmcot.hub_card.publish import publish
from mmcot.modeling_mmcot.parts_mmcot import unread_parameters
from mmcot.training.origin import find_origin
from mmcot.training.parts import build_processor
from mmcot.training.plan import make_plan
from mmcot.training.run import find_origin_of_run
from mmcot.training.run_folder import RunFolder
from mmcot.training.two_stage import run_recipe

from ..ways import QUESTION


WAYS = {
    "two": {"rationale": ".", "answer": "answer"},
    "adapters": {"rationale": "rationale", "answer": "answer"},
    "joint": {"rationale": ".", "answer": "."},
    "rationale": {"rationale": "."},
    "direct": {"direct": "."},
}
REPO = "org/tiny"


@pytest.fixture
def trained(make_model, loosen, tiny_processor, tmp_path):
    """Function of a way: a folder as that way of training leaves it, whose models all differ."""

    def save(way):
        folder, stages = tmp_path / way, WAYS[way]
        tiny_processor.max_length, tiny_processor.newline = 77, "official"
        tiny_processor.save_pretrained(folder)
        base = loosen(make_model(stages=stages))
        base.save_pretrained(folder)
        for number, place in enumerate(stages.values()):
            if way == "adapters":
                config = LoraConfig(r=2, target_modules=["q"], modules_to_save=["fusion"], init_lora_weights=False)
                adapted = get_peft_model(MMCoTForConditionalGeneration.from_pretrained(folder), config)
                for parameter in filter(lambda parameter: parameter.requires_grad, adapted.parameters()):
                    parameter.data.normal_(std=0.1 + number)
                adapted.save_pretrained(str(folder / place))
            elif place != ".":
                loosen(make_model(seed=3, stages=stages)).save_pretrained(folder / place)
        return folder

    return save


@pytest.fixture
def make_recipe(tmp_path):
    """Function of an origin and further settings."""

    def make(origin, **settings):
        model = {"from": str(origin), **settings.pop("model", {})}
        return build_recipe({"output_dir": str(tmp_path / "run"), "dataset": "sketchqa", "model": model, **settings})

    return make


def states(model, inputs):
    with torch.no_grad():
        return model(**inputs, decoder_input_ids=torch.tensor([[0, 5, 9]])).logits


@pytest.mark.parametrize("way", ["two", "adapters", "joint"])
def test_each_stage_starts_as_it_was_trained(way, trained, make_recipe, tiny_processor):
    folder = trained(way)
    origin = find_origin(make_recipe(folder))
    pipe = MMCoTPipeline(
        model=MMCoTForConditionalGeneration.from_pretrained(folder), processor=MMCoTProcessor.from_pretrained(folder)
    )
    inputs = tiny_processor(text=["Question: Which animal?"], images=[None])
    inputs["image_features"] = torch.randn(1, 3, 24)
    for stage in ("rationale", "answer"):
        with pipe.stages.use(stage) as model:
            expected = states(model, inputs)
        torch.testing.assert_close(states(origin.model((stage,)), inputs), expected, rtol=1e-4, atol=1e-4)


def test_words_come_along_but_for_those_that_the_recipe_names(trained, make_recipe):
    folder = trained("two")
    recipe = make_recipe(folder, processor={"max_length": 60})
    processor = build_processor(recipe, find_origin(recipe), None)
    assert (processor.max_length, processor.newline) == (60, "official")
    assert processor.tokenizer.get_vocab() == MMCoTProcessor.from_pretrained(folder).tokenizer.get_vocab()


def test_model_may_change_what_does_not_shape_it(trained, make_recipe):
    recipe = make_recipe(trained("two"), model={"config": {"freeze_vision": False, "missing_image": "zeros"}})
    model = find_origin(recipe).model(("answer",))
    assert (model.config.freeze_vision, model.config.missing_image) == (False, "zeros")
    unread = {id(parameter) for parameter in unread_parameters(model.vision_tower)}
    learned = {id(parameter) for parameter in model.vision_tower.parameters() if parameter.requires_grad}
    assert learned == {id(parameter) for parameter in model.vision_tower.parameters()} - unread


@pytest.mark.parametrize(
    ("way", "lora", "has_adapters"),
    [
        ("two", None, False),
        ("two", {"r": 2}, False),
        ("adapters", {"r": 2}, False),
        ("joint", {"r": 2}, True),
        ("joint", {"r": 2, "merge": True}, False),
        ("two", {"r": 2, "merge": True}, False),
    ],
)
def test_adapters_stay_where_the_stages_share_their_base(way, lora, has_adapters, trained, make_recipe):
    recipe = make_recipe(trained(way), lora=lora)
    plan = make_plan(recipe, find_origin(recipe))
    assert (plan.has_adapters, plan.merges_adapters) == (has_adapters, lora is not None and not has_adapters)


@pytest.mark.parametrize(
    ("way", "settings", "message"),
    [
        ("two", {"formats": "direct"}, "two has learned rationale and answer, not direct"),
        ("two", {"stages": "joint"}, "two has a model for each stage, not one for both; use stages: both"),
        ("direct", {}, "direct has learned direct, not rationale"),
        ("rationale", {}, "rationale has learned rationale, not answer; .* or answer.start_from: rationale"),
        ("two", {"lora": {"merge": False}}, "lora.merge: false is for adapters on one base, but .*two has a model of"),
        ("two", {"lora": {}, "model": {"quantization": {"load_in_4bit": True}}}, "model.quantization is for adapters"),
    ],
)
def test_what_the_folder_cannot_start_is_one_line(way, settings, message, trained, make_recipe):
    recipe = make_recipe(trained(way), **settings)
    with pytest.raises(RecipeError, match=message) as caught:
        make_plan(recipe, find_origin(recipe))
    assert "\n" not in str(caught.value)


def test_answer_model_may_follow_where_only_stage_1_was_trained(trained, make_recipe):
    recipe = make_recipe(trained("rationale"), answer={"start_from": "rationale"})
    assert list(make_plan(recipe, find_origin(recipe)).models) == ["rationale", "answer"]


def test_folder_that_is_none_of_ours_is_one_line(trained, make_recipe, make_config, tmp_path):
    make_config().text_config.save_pretrained(tmp_path / "t5")
    with pytest.raises(ValueError, match="is that of a 't5' model; give a folder that mmcot trained or converted"):
        find_origin(make_recipe(tmp_path / "t5"))
    with pytest.raises(RecipeError, match="model.from and output_dir are both"):
        find_origin(make_recipe(tmp_path / "t5", output_dir=str(tmp_path / "t5")))
    with pytest.raises(RecipeError, match="model.revision is that of a Hub id"):
        find_origin(make_recipe(tmp_path / "t5", model={"revision": "main"}))
    folder = trained("two")
    (folder / "answer" / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="lacks weights of the answer model"):
        find_origin(make_recipe(folder))


def test_run_keeps_the_commit_that_it_began_with(trained, make_recipe, hub, logged_in, tmp_path):
    publish(trained("two"), REPO)
    first = HfApi().model_info(REPO).sha
    recipe, folder = make_recipe(REPO, model={"revision": "main"}), RunFolder(tmp_path / "run")
    (tmp_path / "run" / "run").mkdir(parents=True)
    before = find_origin_of_run(recipe, folder).model(("answer",))
    weights = (tmp_path / "two" / "model.safetensors").read_bytes()
    HfApi().create_commit(REPO, [CommitOperationAdd("answer/model.safetensors", weights)], commit_message="Another")
    assert HfApi().model_info(REPO).sha != first
    origin = find_origin_of_run(recipe, folder)
    assert origin.repository.revision == first
    for name, tensor in origin.model(("answer",)).state_dict().items():
        assert torch.equal(tensor, before.state_dict()[name])
    with pytest.raises(ValueError, match="of the Hub has no such revision"):
        find_origin(make_recipe(REPO, model={"revision": "nowhere"}))


def test_published_adapters_start_as_those_here(trained, make_recipe, hub, logged_in):
    folder = trained("adapters")
    publish(folder, REPO)
    for stage in WAYS["adapters"]:
        here, there = (find_origin(make_recipe(place)).model((stage,)).state_dict() for place in (folder, REPO))
        assert here.keys() == there.keys()
        assert all(torch.equal(tensor, there[name]) for name, tensor in here.items())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["lora", "own-data"])
def test_any_recipe_goes_on_from_a_folder_without_network(recipe, tiny_recipe, tmp_path, monkeypatch, capfd):
    first, second, data = tmp_path / "first", tmp_path / "second", tmp_path / "my.jsonl"
    run_recipe(tiny_recipe(first), print)
    row = {"question": "What is it?", "choices": ["gas", "solid"], "answer": 1, "solution": "It is solid."}
    data.write_text(f"{json.dumps(row)}\n" * 30)

    def refuse(*arguments):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    words = ["train", f"configuration/{recipe}.yaml", "--model.from", str(first), "--dataset", str(data)]
    steps = ["--output_dir", str(second), "--training.use_cpu", "true", "--training.num_train_epochs", "1"]
    still = ["--training.learning_rate", "1e-12"]
    monkeypatch.chdir(Path(mmcot.__file__).parent)
    assert main([*words, *steps, *still]) == 0, capfd.readouterr().err
    for name in ("model.safetensors", "answer/model.safetensors"):
        before, after = load_file(first / name), load_file(second / name)
        assert all(torch.allclose(before[key], after[key], atol=1e-6) for key in before)
    card = (second / "README.md").read_text(encoding="utf-8")
    assert "Went on from `first`, fusion and all" in card
    assert ("the adapters end as parts of two whole models" in capfd.readouterr().out) == (recipe == "lora")
    answer = MMCoTPipeline(
        model=MMCoTForConditionalGeneration.from_pretrained(second), processor=MMCoTProcessor.from_pretrained(second)
    )(QUESTION)
    assert isinstance(answer["rationale"], str)
    assert main([*words, *steps, *still]) == 0
    assert "is complete; nothing to do" in capfd.readouterr().out
