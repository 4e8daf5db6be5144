"""Two stages that look through the same frozen image encoder hold it once."""

import pytest
import torch
from peft import LoraConfig
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


@pytest.fixture
def looks(monkeypatch):
    """Function of a pipeline: the list that notes how many pictures its towers look at, call by call."""

    def watch(pipe):
        seen = []
        for tower in {id(tower): tower for tower in map(pipe.stages.tower, pipe.stages)}.values():

            def forward(pixel_values, *args, look=tower.forward, **kwargs):
                seen.append(len(pixel_values))
                return look(pixel_values, *args, **kwargs)

            monkeypatch.setattr(tower, "forward", forward)
        return seen

    return watch


def pictures(*colours):
    return [Image.new("RGB", (16, 16), colour) for colour in colours]


QUESTIONS = [
    {"question": "Which?", "choices": ["a", "b"], "image": pictures("red")[0]},
    {"question": "Which one?", "choices": None, "image": pictures("blue", "green")},
    {"question": "Which of them?", "choices": ["a", "b"]},
    {"question": "Which?", "choices": ["a", "b"], "image": pictures("red")[0], "rationale": "It is a red cat."},
]


@pytest.mark.parametrize("fields", [{}, {"missing_image": "zeros"}])
def test_a_shared_tower_looks_once_for_both_stages(fields, save, tiny_processor, looks):
    folder = save(**fields)
    pipe = MMCoTPipeline(model=MMCoTForConditionalGeneration.from_pretrained(folder), processor=tiny_processor)
    apart = MMCoTPipeline(
        model=MMCoTForConditionalGeneration.from_pretrained(folder),
        answer_model=MMCoTForConditionalGeneration.from_pretrained(folder, subfolder="answer"),
        processor=tiny_processor,
    )
    once, twice = looks(pipe), looks(apart)
    options = {"max_new_tokens": 4, "batch_size": 4}
    assert pipe(QUESTIONS, **options) == apart(QUESTIONS, **options)
    assert once == [8]  # two for each of four questions, the missing ones blank
    assert twice == [6, 8]
    # Batches of one, where no row is padded for another.
    assert [pipe(row, max_new_tokens=4)["answer_text"] for row in QUESTIONS] == [
        answer["answer_text"] for answer in pipe(QUESTIONS, **options)
    ]


def test_one_model_for_both_stages_looks_once(make_model, tiny_processor, looks):
    pipe = MMCoTPipeline(model=make_model(), processor=tiny_processor)
    seen = looks(pipe)
    pipe(QUESTIONS[0], max_new_tokens=4)
    assert seen == [1]
    pipe(QUESTIONS[2], max_new_tokens=4)
    assert seen == [1]


@pytest.mark.parametrize(("targets", "calls"), [(["q", "v"], [1]), (["q", "v", "q_proj"], [1, 1])])
def test_adapters_in_the_tower_make_it_another_one(targets, calls, make_model, tiny_processor, looks):
    """T5 calls its projections `q` and `v`, the image encoder `q_proj`."""
    base = make_model(stages={"rationale": "rationale", "answer": "answer"})
    for stage in ("rationale", "answer"):
        base.add_adapter(LoraConfig(r=2, target_modules=targets), adapter_name=stage)
    pipe = MMCoTPipeline(model=base, processor=tiny_processor)
    seen = looks(pipe)
    pipe(QUESTIONS[0], max_new_tokens=4)
    assert seen == calls
