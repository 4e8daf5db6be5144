"""How probable a model finds each option: only options that exist are computed, so many at once and no more."""

import pytest
import torch

from mmcot.modeling_mmcot import generation_mmcot
from mmcot.modeling_mmcot.generation_mmcot import option_scores


COUNTS = [3, 1, 70, 2]


@pytest.fixture
def batch(tiny_model, tiny_processor, loosen):
    """A model, what its encoder says of a batch, and the answers for the question with the most options."""
    loosen(tiny_model)
    inputs = tiny_processor(text=[f"Question: Which animal is it? {word}" for word in ("red", "a", "blue dog", "cat")])
    targets = tiny_processor.encode_targets(tiny_processor.option_targets(max(COUNTS), "answer"))
    with torch.no_grad():
        yield tiny_model, tiny_model.get_encoder()(**inputs), targets


def by_hand(model, encoded, targets, row, count):
    """Scores of one question, one option after the other."""
    scores = []
    for target in targets[:count]:
        labels = target[target != -100][None]
        logits = model(
            encoder_outputs=(encoded.last_hidden_state[[row]],),
            attention_mask=encoded.attention_mask[[row]],
            labels=labels,
        ).logits
        scores.append(logits.log_softmax(-1).gather(-1, labels[..., None]).sum())
    return torch.stack(scores).softmax(-1).tolist()


@pytest.mark.parametrize("at_once", [1, 5, 64, 1000])
def test_scores_do_not_depend_on_how_many_are_computed_together(at_once, batch, monkeypatch):
    monkeypatch.setattr(generation_mmcot, "OPTIONS_AT_ONCE", at_once)
    scores = option_scores(*batch, COUNTS)
    assert [len(row) for row in scores] == COUNTS
    for row, count in enumerate(COUNTS):
        assert scores[row] == pytest.approx(by_hand(*batch, row, count), abs=1e-5)


def test_no_more_texts_at_once_than_allowed_and_none_for_options_that_are_not_there(batch, monkeypatch):
    model, encoded, targets = batch
    sizes, forward = [], model.forward

    def count(**inputs):
        sizes.append(len(inputs["decoder_input_ids"]))
        return forward(**inputs)

    monkeypatch.setattr(model, "forward", count)
    option_scores(model, encoded, targets, COUNTS)
    assert sum(sizes) == sum(COUNTS)
    assert max(sizes) == generation_mmcot.OPTIONS_AT_ONCE
