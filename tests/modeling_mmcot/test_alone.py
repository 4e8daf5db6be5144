"""One stage of two, saved or pushed by itself: it knows which it is, and the pipeline which is absent."""

import json
import shutil

import pytest
import torch
from peft import AutoPeftModelForSeq2SeqLM, PeftModel
from transformers import AutoModelForSeq2SeqLM

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline
from mmcot.configuration import LoraArguments
from mmcot.hub_card.publish import publish
from mmcot.modeling_mmcot.stages_mmcot import StageModels, note_stages
from mmcot.training.parts import new_adapter
from mmcot.training.train_model import save_trained


REPO = "org/tiny"
TWO = {"rationale": ".", "answer": "answer"}
ADAPTERS = {"rationale": "rationale", "answer": "answer"}
QUESTION = {"question": "Which colour has the ball?", "choices": ["green", "red"]}


def load(*place, **options):
    return MMCoTForConditionalGeneration.from_pretrained(*place, **options)


@pytest.fixture
def two(make_model, loosen, tiny_processor, tmp_path):
    """A folder with a model for each stage, as older versions wrote it: each names all stages."""
    tiny_processor.save_pretrained(tmp_path / "two")
    for seed, folder in enumerate(TWO.values()):
        loosen(make_model(seed=seed, stages=TWO)).save_pretrained(tmp_path / "two" / folder)
    return tmp_path / "two"


@pytest.fixture
def adapters(make_model, loosen, tiny_processor, tmp_path):
    """A base with an adapter for each stage, as a training leaves it."""
    folder = tmp_path / "adapters"
    tiny_processor.save_pretrained(folder)
    loosen(make_model(stages=ADAPTERS)).save_pretrained(folder)
    for number, stage in enumerate(ADAPTERS):
        adapted = new_adapter(load(folder), LoraArguments(r=2), None)
        disturb(adapted, 0.1 + number)
        note_stages(adapted.active_peft_config, [stage])
        save_trained(adapted, folder / stage, merge=False)
    return folder


def disturb(model, size):
    """Other weights for what of a model is an adapter."""
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_" in name or ("fusion" in name and "modules_to_save" in name):
                parameter.normal_(std=size)


def logits(model, processor):
    inputs = processor(text=["Question: Which animal?"])
    inputs["image_features"] = torch.ones(1, 2, 24)
    with torch.no_grad():
        return model(**inputs, decoder_input_ids=torch.tensor([[0, 5, 9]])).logits


def test_rationale_model_alone_names_the_other_and_both_ways_out(two, tiny_processor, hub, logged_in, tmp_path):
    load(two).save_pretrained(tmp_path / "alone")
    load(two).push_to_hub(REPO)
    for place in (str(tmp_path / "alone"), REPO):
        message = (
            f"{place} has no folder 'answer' with the model of the stage 'answer'. Put it there, or .* answer_model="
        )
        with pytest.raises(ValueError, match=message):
            MMCoTPipeline(model=load(place), processor=tiny_processor)
        pipe = MMCoTPipeline(model=load(place), processor=tiny_processor, answer_model=load(two, subfolder="answer"))
        assert isinstance(pipe(QUESTION, max_new_tokens=4)["rationale"], str)


def test_answer_model_alone_answers_from_a_rationale_that_is_given(two, tiny_processor, hub, logged_in, tmp_path):
    model = load(two, subfolder="answer")
    model.save_pretrained(tmp_path / "alone")
    model.push_to_hub(REPO)
    whole = MMCoTPipeline(model=load(two), processor=tiny_processor)
    given = QUESTION | {"rationale": "The ball is red."}
    for place in (str(tmp_path / "alone"), REPO):
        pipe = MMCoTPipeline(model=load(place), processor=tiny_processor)
        assert list(pipe.stages) == ["answer"]
        assert pipe(given, max_new_tokens=4) == whole(given, max_new_tokens=4)
        with pytest.raises(ValueError, match="the one that writes it is not there: give a 'rationale'"):
            pipe(QUESTION)


@pytest.mark.parametrize("by_peft", [False, True])
def test_adapter_alone_keeps_its_stage(by_peft, adapters, tiny_processor, tmp_path):
    if by_peft:
        tuned = PeftModel.from_pretrained(load(adapters), adapters / "answer", is_trainable=True)
        disturb(tuned, 3)
    else:
        tuned = StageModels(load(adapters))["answer"]
        disturb(tuned, 3)
    tuned.save_pretrained(tmp_path / "alone")
    stages = StageModels(load(tmp_path / "alone"))
    assert stages.folders == ADAPTERS
    expected = {"rationale": StageModels(load(adapters))["rationale"], "answer": tuned}
    for stage, model in expected.items():
        assert torch.equal(logits(stages[stage], tiny_processor), logits(model, tiny_processor))


def test_absent_adapter_is_named_with_both_ways_out(adapters, tmp_path):
    shutil.rmtree(adapters / "rationale")
    with pytest.raises(ValueError, match="has no folder 'rationale' with the adapter of .* adapter_name='rationale'"):
        StageModels(load(adapters))
    model = load(adapters)
    model.load_adapter(str(adapters / "answer"), adapter_name="rationale")
    note_stages(model.peft_config["rationale"], [])
    assert set(StageModels(model)) == {"rationale", "answer"}


def test_peft_finds_the_base_by_the_folder_of_an_adapter(adapters, tiny_processor, hub, logged_in):
    adapted = StageModels(load(adapters))
    expected = {stage: logits(adapted[stage], tiny_processor) for stage in ADAPTERS}
    publish(adapters, REPO)
    for place in (str(adapters), REPO):
        for stage, folder in ADAPTERS.items():
            by_peft = AutoPeftModelForSeq2SeqLM.from_pretrained(place, subfolder=folder)
            by_class = AutoModelForSeq2SeqLM.from_pretrained(place, subfolder=folder)
            assert isinstance(by_peft, PeftModel)
            assert torch.equal(logits(by_peft, tiny_processor), expected[stage])
            assert torch.equal(logits(by_class, tiny_processor), expected[stage])


def test_published_adapter_names_the_repository(adapters, hub, logged_in):
    publish(adapters, REPO)
    settings = json.loads(hub.files(REPO)["answer/adapter_config.json"])
    assert (settings["base_model_name_or_path"], settings["auto_mapping"]) == (REPO, {"stages": ["answer"]})
