"""A rationale while it is written."""

import threading

import pytest
import torch

from mmcot import MMCoTPipeline
from mmcot.modeling_mmcot.streaming_mmcot import StoppedError, StopsWith


QUESTION = {"question": "Which colour has the ball?", "choices": ["red", "blue", "green"]}


@pytest.fixture
def pipe(tiny_processor, make_two_stages):
    return make_two_stages(tiny_processor)


@pytest.fixture
def wordy(pipe, monkeypatch):
    """Lets stage 1 write a long text of words as `generate()` does, token by token."""
    tokens = pipe.tokenizer("Solution: The ball is red and so on and on. " * 20, return_tensors="pt")["input_ids"][0]

    def generate(input_ids, streamer=None, stopping_criteria=(), **settings):
        if streamer is not None:
            streamer.put(input_ids[:, :1])
            for token in tokens:
                for criterion in stopping_criteria:
                    criterion(input_ids, None)
                streamer.put(token[None])
            streamer.end()
        return torch.cat([input_ids.new_zeros(1), tokens])[None]

    monkeypatch.setattr(pipe.model, "generate", generate)


def test_pieces_are_the_rationale(pipe, wordy):
    *pieces, answer = pipe.stream(QUESTION, max_new_tokens=30)
    assert len(pieces) > 50
    assert "".join(pieces) == answer["rationale"]


def test_answer_is_that_of_a_call(pipe):
    *pieces, answer = pipe.stream(QUESTION, max_new_tokens=30)
    assert "".join(pieces) == answer["rationale"]
    assert answer == pipe(QUESTION, max_new_tokens=30)
    assert list(pipe.stream(**QUESTION, max_new_tokens=30))[-1] == answer


def test_cue_is_not_shown(pipe):
    texts = ["So", "Solution", "Solution: ", "Solution: It", "Solution: It is red."]
    visible = pipe.processor.visible_rationale
    assert [visible(text) for text in texts] == ["", "", "", "It", "It is red."]
    assert visible("It is red.") == "It is red."


def test_closing_ends_the_work(pipe, monkeypatch):
    """The criterion that real generation asks after each token ends it; stage 2 is not begun."""
    asked, written = [], []
    monkeypatch.setattr(pipe.answer_model, "generate", lambda *_, **__: asked.append(1))

    def generate(input_ids, streamer, stopping_criteria, **settings):
        streamer.put(input_ids[:, :1])
        words = pipe.tokenizer("The ball is red. ", return_tensors="pt")["input_ids"][0, :-1]
        while True:
            for token in words:
                stopping_criteria[0](input_ids, None)
                written.append(token)
                streamer.put(token[None])

    monkeypatch.setattr(pipe.model, "generate", generate)
    stream = pipe.stream(QUESTION)
    next(stream)
    stream.close()
    count = len(written)
    assert count > 0
    assert not asked
    assert len(written) == count


def test_criterion_ends_a_real_generation(pipe):
    event = threading.Event()
    event.set()
    with pytest.raises(StoppedError):
        pipe(QUESTION, rationale_kwargs={"stopping_criteria": [StopsWith(event)]})


def test_faults_are_those_of_a_call(pipe):
    with pytest.raises(ValueError, match="'question'"):
        list(pipe.stream({"choices": ["a", "b"]}))
    with pytest.raises(ValueError, match="max_new_tokens is 0"):
        list(pipe.stream(QUESTION, max_new_tokens=0))
    with pytest.raises(ValueError, match="rationale_kwargs is 2; give a mapping"):
        list(pipe.stream(QUESTION, rationale_kwargs=2))


def test_answer_alone_where_nothing_is_written_before_it(pipe, tiny_processor, make_model):
    (answer,) = pipe.stream(QUESTION | {"rationale": "The ball is red."}, max_new_tokens=4)
    assert answer["rationale"] == "The ball is red."
    direct = MMCoTPipeline(model=make_model(stages={"direct": "."}), processor=tiny_processor)
    (answer,) = direct.stream(QUESTION, max_new_tokens=4)
    assert answer["rationale"] is None
