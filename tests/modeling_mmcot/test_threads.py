"""One pipeline asked by many threads at once answers as if it were asked by one after the other."""

import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from peft import LoraConfig, get_peft_model
from PIL import Image
from transformers import pipeline

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline


WORDS = ["which", "animal", "is", "in", "the", "picture", "red", "cat", "blue", "dog", "ball", "look", "at", "green"]
LAYOUTS = {
    "full": {"rationale": ".", "answer": "answer"},
    "joint": {"rationale": ".", "answer": "."},
    "lora": {"rationale": "rationale", "answer": "answer"},
}
THREADS = 16


def questions(count):
    """Questions of all lengths, some of which have to be cut, with and without pictures."""
    rng = random.Random(0)

    def text(longest):
        return " ".join(rng.choices(WORDS, k=rng.randint(1, longest)))

    for _ in range(count):
        colour = tuple(rng.randrange(256) for _ in range(3))
        yield {
            "question": text(8),
            "choices": [text(3) for _ in range(rng.randint(2, 6))],
            "context": text(100),
            "image": rng.choice([None, Image.new("RGB", (16, 16), colour)]),
        }


@pytest.fixture(params=LAYOUTS)
def pipe(request, make_model, loosen, tiny_processor, tmp_path):
    stages = LAYOUTS[request.param]
    models = {folder: loosen(make_model(seed=seed, stages=stages)) for seed, folder in enumerate([".", "answer"])}
    tiny_processor.max_length = tiny_processor.max_target_length = 64
    tiny_processor.save_pretrained(tmp_path)
    models["."].save_pretrained(tmp_path)
    if request.param == "full":
        models["answer"].save_pretrained(tmp_path / "answer")
    for name in stages if request.param == "lora" else ():
        base = MMCoTForConditionalGeneration.from_pretrained(tmp_path)
        config = LoraConfig(r=2, target_modules=["q", "v"], modules_to_save=["fusion"], init_lora_weights=False)
        get_peft_model(base, config).save_pretrained(tmp_path / name)
    return pipeline("multimodal-cot", model=str(tmp_path), pipeline_class=MMCoTPipeline)


def ask_in_threads(pipe, count):
    """Answers to so many questions, of one thread and of many."""
    rows = list(questions(count))

    def ask(row):
        return pipe(row, max_new_tokens=4)

    torch.manual_seed(0)
    serial = [ask(row) for row in rows]
    with ThreadPoolExecutor(THREADS) as threads:
        return serial, list(threads.map(ask, rows))


@pytest.mark.parametrize("count", [16, pytest.param(500, marks=pytest.mark.slow)])
def test_answers_are_those_of_one_thread(count, pipe):
    serial, threaded = ask_in_threads(pipe, count)
    assert len({answer["rationale"] + answer["answer_text"] for answer in serial}) > count / 4
    assert sum(one != other for one, other in zip(serial, threaded, strict=True)) == 0
    assert pipe.processor.truncation.prompts == 4 * count
