"""Two stages that look through the same frozen image encoder hold it once."""

import pytest
import torch
from PIL import Image

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline
from mmcot.inference.load import load_trained
from mmcot.modeling_mmcot.stages_mmcot import StageModels


STAGES = {"rationale": ".", "answer": "answer"}


@pytest.fixture
def save(make_model, tiny_processor, tmp_path):
    """Function of what the answer model's tower differs in, and of fields: a folder with two models of one tower."""

    def make(change=0.0, **fields):
        first, second = (make_model(seed=seed, stages=STAGES, **fields) for seed in (0, 1))
        second.vision_tower.load_state_dict(first.vision_tower.state_dict())
        with torch.no_grad():
            next(second.vision_tower.parameters()).add_(change)
        MMCoTPipeline(model=first, answer_model=second, processor=tiny_processor).save_pretrained(tmp_path / "two")
        return tmp_path / "two"

    return make


def held(models):
    """Bytes of all parameters, each counted once."""
    parameters = {id(parameter): parameter for model in models.values() for parameter in model.parameters()}
    return sum(parameter.nbytes for parameter in parameters.values())


def test_the_same_frozen_tower_is_held_once(save):
    models = StageModels(MMCoTForConditionalGeneration.from_pretrained(save()))
    first, second = models["rationale"], models["answer"]
    assert first.vision_tower is second.vision_tower
    tower = sum(parameter.nbytes for parameter in first.vision_tower.parameters())
    separate = sum(parameter.nbytes for model in (first, second) for parameter in model.parameters())
    assert held(models) == separate - tower
    assert load_trained(first.name_or_path)[0]["answer"].vision_tower is not None


@pytest.mark.parametrize("settings", [{"change": 1e-3}, {"freeze_vision": False}])
def test_another_tower_or_one_that_is_trained_stays_apart(settings, save):
    models = StageModels(MMCoTForConditionalGeneration.from_pretrained(save(**settings)))
    assert models["rationale"].vision_tower is not models["answer"].vision_tower


def test_answers_are_the_same_and_each_folder_holds_a_whole_model(save, tiny_processor, tmp_path):
    folder = save()
    question = {"question": "Which?", "choices": ["a", "b"], "image": Image.new("RGB", (16, 16), "red")}
    pipe = MMCoTPipeline(model=MMCoTForConditionalGeneration.from_pretrained(folder), processor=tiny_processor)
    apart = MMCoTForConditionalGeneration.from_pretrained(folder, subfolder="answer")
    by_hand = MMCoTPipeline(
        model=MMCoTForConditionalGeneration.from_pretrained(folder), answer_model=apart, processor=tiny_processor
    )
    assert pipe(question, max_new_tokens=4) == by_hand(question, max_new_tokens=4)
    pipe.save_pretrained(tmp_path / "again")
    again = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "again", subfolder="answer")
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in apart.state_dict().items())
