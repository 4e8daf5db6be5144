"""Questions without options, from the prompt to the answer in words."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from mmcot.modeling_mmcot import hiding_mmcot
from mmcot.modeling_mmcot.confidence_mmcot import Written
from mmcot.modeling_mmcot.samples_mmcot import choose


RED = Image.new("RGB", (16, 16), "red")
FREE = {"question": "Which colour has the ball?", "context": "Look at the ball."}
CHOSEN = {**FREE, "choices": ["red", "blue"]}
SHORT = {"max_new_tokens": 6}


@pytest.fixture
def pipe(tiny_processor, make_two_stages):
    return make_two_stages(tiny_processor, temperature=2.0)


@pytest.fixture
def answers_with(pipe, monkeypatch):
    """Function of texts: what stage 2 is taken to have written, one after the other."""

    def make(*texts):
        decode = pipe.processor.batch_decode
        left = list(texts)

        def batch_decode(ids, **kwargs):
            made = decode(ids, **kwargs)
            return made if pipe.stage_asked == "rationale" else [left.pop(0) for _ in made]

        monkeypatch.setattr(pipe.processor, "batch_decode", batch_decode)
        build = pipe.processor.build_prompt

        def build_prompt(example, stage, *args, **kwargs):
            pipe.stage_asked = stage
            return build(example, stage, *args, **kwargs)

        monkeypatch.setattr(pipe.processor, "build_prompt", build_prompt)
        return pipe

    return make


@pytest.mark.parametrize("choices", [None, []])
def test_prompt_has_no_options(tiny_processor, choices):
    example = {"question": "How many?", "choices": choices, "answer": "42", "solution": "There are 42."}
    assert tiny_processor.build_prompt(example, "rationale") == "Question: How many? Context: N/A Solution:"
    assert (
        tiny_processor.build_prompt({"question": "How many?"}, "answer", "So 42.")
        == "Question: How many? Context: N/A Solution: So 42. Answer:"
    )
    targets = [tiny_processor.build_target(example, stage) for stage in ("answer", "direct", "rationale_answer")]
    assert targets == ["The answer is 42."] * 2 + ["There are 42. The answer is 42."]
    assert tiny_processor.build_target(example, "answer_rationale") == "The answer is 42. BECAUSE: There are 42."


def test_answer_in_words(answers_with):
    answer = answers_with("The answer is dark red.")({**FREE, "image": RED}, return_all=True, **SHORT)
    assert (answer["answer"], answer["answer_text"]) == ("dark red", "The answer is dark red.")
    assert answer["choice"] is answer["choice_index"] is answer["scores"] is answer["reason"] is None
    assert answer["parsed"] is True
    assert 0 < answer["confidence"] < 1
    assert "Options:" not in "".join(answer["prompts"].values())


@pytest.mark.parametrize("text", ["The answer is (B).", "", "The answer is red. The answer is blue."])
def test_no_answer_in_words(text, answers_with):
    answer = answers_with(text)(FREE, **SHORT)
    assert (answer["answer"], answer["confidence"], answer["parsed"]) == (None, None, False)
    assert answer["reason"] == "the text gives no answer in words, or several"


def test_batches_mix_both_kinds(pipe):
    rows = [{**FREE, "image": RED}, CHOSEN, {**FREE, "choices": float("nan")}, {**CHOSEN, "image": RED}]
    alone = [pipe(row, **SHORT) for row in rows]
    for one, other in zip(alone, pipe(rows, batch_size=4, **SHORT), strict=True):
        assert {**one, "scores": None, "confidence": None} == {**other, "scores": None, "confidence": None}
        assert (one["scores"] is None) == (other["scores"] is None)
        assert (other["confidence"] or 0) == pytest.approx(one["confidence"] or 0, rel=1e-3)
    assert alone[0]["confidence"] > 0


def test_confidence_is_that_of_both_texts(pipe):
    """By hand: each model's own probability of the whole text it wrote, together, and scaled."""
    answer = pipe(FREE, return_all=True, **SHORT)
    logarithm = 0.0
    for stage, prompt in answer["prompts"].items():
        inputs = pipe.processor(text=[prompt])
        with torch.no_grad():
            ids = pipe.stages[stage].generate(**inputs, **SHORT)[:, 1:]
            logits = pipe.stages[stage](**inputs, labels=ids).logits
        logarithm += logits.log_softmax(-1).gather(-1, ids[..., None]).sum().item()
    assert answer["confidence"] == pytest.approx(math.exp(logarithm / 2.0), rel=1e-3)


def test_unsure_answers_are_withheld(answers_with):
    answer = answers_with("The answer is red.")(FREE, abstain_below=1.0, **SHORT)
    assert (answer["answer"], answer["parsed"]) == (None, True)
    assert "is below 1.0" in answer["reason"]


def said(text, rationale=-1.0, answer=-0.1):
    return [Written("because", log_probability=rationale), Written(text, log_probability=answer)]


def test_samples_agree_on_what_is_the_same_answer():
    samples = [said("4", -3), said("four", -1), said("5", answer=-0.01), said("", -9)]
    choice = choose(samples, ["4", "four.", "5", None])
    assert (choice.sample, choice.given, choice.scores, choice.agreement) == (1, "four.", None, 0.5)
    # As many for each: the one that the answer models found more probable.
    assert choose(samples[:3:2], ["4", "5"]).given == "5"
    assert choose(samples[:2], [None, None]).given is None


def test_samples_of_a_question(answers_with):
    torch.manual_seed(0)
    answer = answers_with("The answer is two.", "The answer is 2.", "The answer is 3.")(FREE, num_samples=3, **SHORT)
    assert answer["agreement"] == pytest.approx(2 / 3)
    assert answer["answer"] in ("two", "2")
    assert answer["scores"] is None


def test_stream_ends_with_the_answer(pipe):
    *pieces, answer = pipe.stream(FREE, **SHORT)
    assert "".join(pieces).strip() == answer["rationale"]
    assert answer["scores"] is None


def test_explanation_has_the_words_of_the_answer(pipe, monkeypatch):
    monkeypatch.setattr(hiding_mmcot, "CELLS", 2)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    answer = pipe({**FREE, "image": pixels}, explain=True, return_all=True, max_new_tokens=3)
    explanation = answer["explanation"]
    assert explanation.options == []
    assert " ".join(word.text for word in explanation.answer) == answer["texts"]["answer"].rstrip(".")
    assert all(each.maps[0].shape == (2, 2) for each in explanation.answer)
    # What was written greedily is what the model thinks anew while nothing is hidden.
    prompt = answer["prompts"]["answer"]
    inputs = pipe.processor(images=[Image.fromarray(pixels)], text=[prompt], text_target=[answer["texts"]["answer"]])
    with torch.no_grad():
        logits = pipe.stages["answer"](**inputs).logits
    labels = inputs["labels"]
    logarithms = logits.log_softmax(-1).gather(-1, labels[..., None])[0, :-1, 0]
    assert math.prod(word.probability for word in explanation.answer) == pytest.approx(
        logarithms.sum().exp().item(), rel=1e-3
    )
    explanation.figure()
