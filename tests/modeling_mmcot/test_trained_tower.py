"""A vision tower that learns with the rest: what of it learns, and that its checkpoints are read back whole."""

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import AutoConfig

from mmcot import MMCoTForConditionalGeneration

from ..towers import TOWERS, TRANSFORMER


LAYERS = {**TRANSFORMER, "image_size": 32, "patch_size": 16}
STAGES = {"depths": [1, 1], "hidden_sizes": [8, 16], "num_stages": 2}
MORE_TOWERS = {
    **dict.fromkeys(("beit", "deit", "dinov2_with_registers", "dinov3_vit", "vit_msn", "aimv2_vision_model"), LAYERS),
    "chinese_clip_vision_model": LAYERS,
    **dict.fromkeys(("convnext", "convnextv2"), STAGES),
    "swin": {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "image_size": 32, "window_size": 2},
}


def config_of(tower):
    return TOWERS[tower][0]() if tower in TOWERS else AutoConfig.for_model(tower, **MORE_TOWERS[tower])


@pytest.fixture
def make_trained(make_model):
    """Function of the name of a tower."""
    return lambda tower: make_model(vision_config=config_of(tower).to_dict(), freeze_vision=False)


@pytest.mark.parametrize("tower", [*TOWERS, *MORE_TOWERS])
def test_what_can_learn_does_and_only_that(make_trained, tmp_path, tower):
    """Processes that train together wait for each other's gradients."""
    make_trained(tower).save_pretrained(tmp_path)
    model = MMCoTForConditionalGeneration.from_pretrained(tmp_path).train()
    ids = torch.full((2, 3), 5)
    model(input_ids=ids, labels=ids, pixel_values=torch.randn(2, 3, 32, 32)).loss.backward()
    parameters = dict(model.named_parameters())
    assert {name for name, parameter in parameters.items() if parameter.grad is not None} == {
        name for name, parameter in parameters.items() if parameter.requires_grad
    }
    unread = [name for name, parameter in parameters.items() if not parameter.requires_grad]
    assert all(name.startswith("vision_tower.") for name in unread)
    assert len(unread) < len(list(model.vision_tower.parameters())) / 3


def test_layers_that_a_user_froze_stay_frozen(make_trained):
    model = make_trained("vit")
    model.vision_tower.embeddings.requires_grad_(False)
    model.train().eval()
    assert not any(parameter.requires_grad for parameter in model.vision_tower.embeddings.parameters())


@pytest.mark.parametrize("tower", [*TOWERS, *MORE_TOWERS])
def test_saved_weights_are_read_back_by_load_state_dict(make_trained, make_model, tmp_path, tower):
    model = make_trained(tower)
    model.save_pretrained(tmp_path)
    other = make_model(seed=1, vision_config=config_of(tower).to_dict(), freeze_vision=False)
    report = other.load_state_dict(load_file(tmp_path / "model.safetensors"), strict=False)
    assert report.unexpected_keys == []
    assert all("embed_tokens" in name or "lm_head" in name for name in report.missing_keys)  # tied, so not saved
    assert_close(other.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_parts_of_saved_weights_and_foreign_ones(make_trained, make_model, tmp_path):
    model, other = make_trained("vit"), make_model(seed=1, vision_config=config_of("vit").to_dict())
    model.save_pretrained(tmp_path)
    saved = {name: weight for name, weight in load_file(tmp_path / "model.safetensors").items() if "vision" in name}
    before = other.fusion.gate.weight.clone()
    report = other.load_state_dict(saved | {"foreign": torch.ones(1)}, strict=False)
    assert report.unexpected_keys == ["foreign"]
    assert_close(other.vision_tower.state_dict(), model.vision_tower.state_dict(), rtol=0, atol=0)
    assert torch.equal(other.fusion.gate.weight, before)
    with pytest.raises(RuntimeError, match="foreign"):
        other.load_state_dict(saved | {"foreign": torch.ones(1)})
    other.load_state_dict(model.state_dict())
    assert_close(other.state_dict(), model.state_dict(), rtol=0, atol=0)
