"""A CPU reads prompts of like length together: what it makes of each stays the same."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mmcot.modeling_mmcot import prompt_mmcot
from mmcot.modeling_mmcot.generation_mmcot import read_prompts
from mmcot.modeling_mmcot.prompt_mmcot import READ_AT_ONCE, batches_to_read


@given(st.lists(st.integers(1, 2 * READ_AT_ONCE), max_size=80), st.integers(1, 40))
def test_each_prompt_is_read_once_and_a_batch_is_no_larger_than_it_may_be(lengths, most):
    lengths.sort(reverse=True)
    batches = [lengths[together] for together in batches_to_read(lengths, most)]
    assert [length for batch in batches for length in batch] == lengths
    assert all(len(batch) <= most for batch in batches)
    assert all(len(batch) == 1 or len(batch) * batch[0] <= READ_AT_ONCE for batch in batches)


@pytest.fixture
def model(make_model, loosen):
    return loosen(make_model())


@pytest.fixture(params=["right", "left"])
def inputs(request):
    """Four questions of unequal length, the longest in the middle; one has no picture."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.tensor([[1] * length + [0] * (9 - length) for length in (2, 6, 9, 5)])
    ids = torch.randint(3, 128, mask.shape, generator=generator) * mask
    if request.param == "left":
        ids, mask = ids.flip(1), mask.flip(1)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "pixel_values": torch.randn(4, 3, 16, 16, generator=generator),
        "image_attention_mask": torch.tensor([[1], [0], [1], [1]]),
    }


@pytest.mark.parametrize(("at_once", "batches"), [(1, 4), (12, 3), (18, 2), (1000, 1)])
@torch.no_grad()
def test_parts_of_a_batch_give_what_the_whole_gives(model, inputs, monkeypatch, at_once, batches):
    monkeypatch.setattr(prompt_mmcot, "READ_AT_ONCE", at_once)
    encoder, runs = model.get_encoder(), []
    whole = encoder(**inputs).last_hidden_state
    model.fusion.register_forward_hook(lambda *call: runs.append(1))
    parts = read_prompts(model, inputs)
    attended = inputs["attention_mask"].bool()
    torch.testing.assert_close(parts.last_hidden_state[attended], whole[attended])
    assert parts.attention_mask is inputs["attention_mask"]
    assert len(runs) == batches
