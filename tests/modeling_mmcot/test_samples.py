"""Several rationales for one question, and answers that are held back."""

import pytest
import torch

from mmcot import MMCoTPipeline
from mmcot.modeling_mmcot.answering_mmcot import write_stages
from mmcot.modeling_mmcot.confidence_mmcot import Written
from mmcot.modeling_mmcot.questions_mmcot import read_question
from mmcot.modeling_mmcot.samples_mmcot import choose


QUESTION = {"question": "Which colour has the ball?", "choices": ["red", "blue", "green"]}


@pytest.fixture
def pipe(tiny_processor, make_two_stages, monkeypatch):
    """Random models; which option a text names depends on its length, so that samples disagree."""
    monkeypatch.setattr(tiny_processor, "parse_answer", lambda text, choices: len(text) % 4 % 3 if text else None)
    return make_two_stages(tiny_processor)


def sample(rationale, scores):
    return [Written("because", log_probability=rationale), Written("(B)", scores=scores)]


def test_best_mean_among_the_named_wins():
    samples = [sample(-1, [0.9, 0.1, 0.0]), sample(-3, [0.1, 0.2, 0.7]), sample(-2, [0.8, 0.0, 0.2])]
    choice = choose(samples, [0, 2, 0])
    assert (choice.sample, choice.given, choice.agreement) == (0, 0, pytest.approx(2 / 3))
    assert choice.scores == pytest.approx([0.6, 0.1, 0.3])
    # Nobody named the first option: the next best is the answer.
    assert choose(samples, [None, 2, 1]).given == 2
    assert choose(samples, [None, None, None]).given is None


def test_answer_is_the_mean_of_what_each_rationale_leads_to(pipe):
    torch.manual_seed(0)
    answer = pipe(QUESTION, num_samples=5, max_new_tokens=6)
    torch.manual_seed(0)
    settings = {"rationale": {"do_sample": True, "top_k": 0, "max_new_tokens": 6}, "answer": {"max_new_tokens": 6}}
    drawn = write_stages(pipe.stages, pipe.processor, [read_question(QUESTION)] * 5, settings)
    rationales = [pipe.processor.parse_rationale(each["rationale"].text) for each in drawn]
    assert len(set(rationales)) > 1
    means = [sum(each["answer"].scores[option] for each in drawn) / 5 for option in range(3)]
    assert answer["scores"] == pytest.approx(means, abs=1e-5)
    votes = [pipe.processor.parse_answer(each["answer"].text, QUESTION["choices"]) for each in drawn]
    assert answer["agreement"] == votes.count(answer["choice_index"]) / 5
    assert answer["rationale"] in rationales


def test_samples_of_a_batch_stay_with_their_questions(pipe):
    rows = [QUESTION, {"question": 5}, QUESTION | {"choices": ["one", "two"]}]
    answers = pipe(rows, batch_size=3, num_samples=2, max_new_tokens=4, on_error="return")
    assert [len(answer.get("scores", [])) for answer in answers] == [3, 0, 2]
    assert answers[1] == {"error": "Each input's 'question' is a text, not 5."}


def test_nothing_to_sample_is_refused(tiny_processor, make_model, pipe):
    with pytest.raises(ValueError, match="leave it out, or the 'rationale'"):
        pipe(QUESTION | {"rationale": "It is red."}, num_samples=3)
    direct = MMCoTPipeline(model=make_model(stages={"direct": "."}), processor=tiny_processor)
    with pytest.raises(ValueError, match="this model has no stage for; leave it out"):
        direct(QUESTION, num_samples=3)
    with pytest.raises(ValueError, match="num_samples is 0; give a whole number from 1"):
        pipe(QUESTION, num_samples=0)


def test_unsure_answers_are_held_back_with_the_reason(pipe):
    pipe.model.config.confidence_temperature = 1.0
    answer = pipe(QUESTION, max_new_tokens=4, abstain_below=0.9)
    assert (answer["answer"], answer["choice"], answer["choice_index"]) == (None, None, None)
    assert answer["parsed"]
    assert answer["reason"] == f"its confidence, {answer['confidence']:.2f}, is below 0.9"
    assert pipe(QUESTION, max_new_tokens=4, abstain_below=0)["reason"] is None


def test_abstaining_needs_a_confidence(pipe):
    with pytest.raises(ValueError, match="abstain_below looks at the confidence, and this answer has none"):
        pipe(QUESTION, max_new_tokens=4, abstain_below=0.5)


def test_settings_for_one_stage(pipe):
    answer = pipe(
        QUESTION, rationale_kwargs={"max_new_tokens": 5}, answer_kwargs={"max_new_tokens": 2}, return_all=True
    )
    lengths = [len(pipe.tokenizer(text, add_special_tokens=False)["input_ids"]) for text in answer["texts"].values()]
    assert lengths[0] > lengths[1]
    assert answer["prompts"]["rationale"].endswith("Solution:")
    assert answer["prompts"]["answer"].endswith("Answer:")
    assert answer["texts"].keys() == {"rationale", "answer"}
    with pytest.raises(ValueError, match="'max_new_token' is neither .* did you mean 'max_new_tokens'"):
        pipe(QUESTION, answer_kwargs={"max_new_token": 2})
