"""How probable a model finds what it wrote, and the confidence in an answer that follows from it."""

import math

import pytest
import torch

from mmcot import MMCoTConfig
from mmcot.modeling_mmcot import generation_mmcot
from mmcot.modeling_mmcot.confidence_mmcot import Written, calibrated, log_confidence
from mmcot.modeling_mmcot.generation_mmcot import generate_batch, text_log_probabilities


QUESTIONS = [f"Question: Which animal is it? {word}" for word in ("red", "a", "blue dog", "cat")]


@pytest.fixture
def read(tiny_model, tiny_processor, loosen):
    """A model, a batch of prompts, and what its encoder says of them."""
    loosen(tiny_model)
    inputs = tiny_processor(text=QUESTIONS)
    with torch.no_grad():
        yield tiny_model, inputs, tiny_model.get_encoder()(**inputs)


def by_hand(model, inputs, row, ids):
    """The logarithm of one text's probability, of the text alone without padding."""
    end = (ids[1:] == model.config.eos_token_id).nonzero()
    labels = ids[1:] if not len(end) else ids[1 : end[0] + 2]
    length = int(inputs["attention_mask"][row].sum())
    logits = model(input_ids=inputs["input_ids"][row : row + 1, :length], labels=labels[None]).logits
    return logits.log_softmax(-1).gather(-1, labels[None, :, None]).sum().item()


@pytest.mark.parametrize("settings", [{}, {"num_beams": 3}, {"do_sample": True, "temperature": 3.0}])
@pytest.mark.parametrize("at_once", [1, 20, 512])
def test_log_probability_is_the_models_own_however_the_text_was_chosen(settings, at_once, read, monkeypatch):
    monkeypatch.setattr(generation_mmcot, "TOKENS_AT_ONCE", at_once)
    model, inputs, encoded = read
    torch.manual_seed(0)
    ids = model.generate(**inputs, max_new_tokens=9, **settings)
    sums = text_log_probabilities(model, encoded, ids)
    assert sums == pytest.approx([by_hand(model, inputs, row, ids[row]) for row in range(len(ids))], rel=1e-4)
    assert len({round(value, 3) for value in sums}) > 1


def test_beams_leave_what_is_scored_afterwards_as_it_was(tiny_processor, read):
    model, inputs, _ = read
    choices = [["red", "blue"]] * len(QUESTIONS)
    greedy, beams = (
        generate_batch(model, tiny_processor, inputs, "answer", choices, {"max_new_tokens": 4, "num_beams": beams})
        for beams in (1, 3)
    )
    assert [each.scores for each in greedy] == [each.scores for each in beams]


def test_way_to_an_answer_is_rationale_then_option():
    way = [Written("so red", log_probability=math.log(0.5)), Written("(B)", scores=[0.2, 0.8])]
    assert math.exp(log_confidence(way, 1)) == pytest.approx(0.4)
    assert math.exp(log_confidence([Written("so (A)", log_probability=math.log(0.3))], 0)) == pytest.approx(0.3)
    assert log_confidence(way, None) is None
    assert log_confidence([Written("of the caller"), way[1]], 1) is None
    assert calibrated(math.log(0.25), 2.0) == pytest.approx(0.5)
    assert calibrated(math.log(0.25), None) is None
    assert calibrated(log_confidence([Written("(A)", scores=[0.0, 1.0])], 0), 1.0) < 1e-20


@pytest.fixture
def pipe(tiny_processor, make_two_stages):
    return make_two_stages(tiny_processor, temperature=2.0)


def question(colour):
    return {"question": f"Is the ball {colour}?", "choices": ["red", "blue", "green"]}


def test_pipeline_gives_the_same_confidence_alone_and_in_a_batch(pipe, monkeypatch):
    monkeypatch.setattr(pipe.processor, "parse_answer", lambda answer, choices: 1)
    rows = [question(colour) for colour in ("red", "blue", "green", "white")]
    alone = [pipe(row, max_new_tokens=6) for row in rows]
    batched = pipe(rows, batch_size=4, max_new_tokens=6)
    confidences = [answer["confidence"] for answer in alone]
    assert [answer["confidence"] for answer in batched] == pytest.approx(confidences, rel=1e-4)
    assert all(0 < value < answer["scores"][1] ** 0.5 for value, answer in zip(confidences, alone, strict=True))


def test_nothing_is_claimed_without_a_temperature_or_for_a_rationale_of_the_caller(pipe, monkeypatch):
    monkeypatch.setattr(pipe.processor, "parse_answer", lambda answer, choices: 1)
    assert pipe(question("red") | {"rationale": "The ball is red."}, max_new_tokens=6)["confidence"] is None
    pipe.model.config.confidence_temperature = None
    assert pipe(question("red"), max_new_tokens=6)["confidence"] is None


@pytest.mark.parametrize("name", ["confidence_temperature", "words_temperature"])
@pytest.mark.parametrize("value", [0, -1.5, float("nan")])
def test_temperature_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is .*; use a number above 0"):
        MMCoTConfig(**{name: value})


def test_each_kind_of_question_has_its_temperature():
    temperatures = MMCoTConfig(confidence_temperature=2.0, words_temperature=3.0).temperatures
    assert (temperatures.of(["red", "blue"]), temperatures.of([])) == (2.0, 3.0)
    assert MMCoTConfig(confidence_temperature=2.0).temperatures.of([]) is None


def test_small_probabilities_of_being_wrong_are_not_rounded_away(read, monkeypatch):
    """Logits of a trained model are large, and most of its tokens nearly sure."""
    model, inputs, encoded = read
    logits = torch.full((1, 3, 128), 5.0)
    logits[0, [0, 1, 2], [4, 9, 1]] = 21.3
    monkeypatch.setattr(model, "forward", lambda **_: type("Output", (), {"logits": logits}))
    ids = torch.tensor([[0, 4, 9, 1]])
    exact = logits.double().log_softmax(-1)[0, [0, 1, 2], [4, 9, 1]].sum().item()
    assert text_log_probabilities(model, encoded, ids, [0])[0] == pytest.approx(exact, rel=0.02)
