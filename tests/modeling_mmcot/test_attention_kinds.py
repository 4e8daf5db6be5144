"""What a model says it can: kinds of attention, compiling as one graph. It is what all of its parts can."""

import inspect

import pytest
import torch
from torch.testing import assert_close
from transformers import (
    BartConfig,
    ConditionalDetrModel,
    DeformableDetrModel,
    DetrModel,
    LongT5Config,
    RTDetrModel,
    T5Config,
    ViTConfig,
)

from ..towers import TOWERS


BART = BartConfig(
    vocab_size=128,
    d_model=32,
    encoder_layers=1,
    decoder_layers=1,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=32,
    decoder_ffn_dim=32,
)
T5 = T5Config(vocab_size=128, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=2, decoder_start_token_id=0)


@pytest.mark.parametrize(
    ("text", "tower", "flash", "flex"),
    [
        (T5, "vit", False, False),
        (BART, "vit", True, True),
        (BART, "resnet", False, False),
        (BART, None, True, True),
    ],
)
def test_model_can_what_its_parts_can(make_model, text, tower, flash, flex):
    vision = {"vision_config": TOWERS[tower][0]()} if tower else {"vision_config": None, "image_feature_size": 24}
    model = make_model(text_config=text.to_dict(), **vision)
    assert [model._supports_flash_attn, model._supports_flex_attn] == [flash, flex]


@pytest.mark.parametrize(
    ("text", "tower", "claimed"),
    [
        (T5, "vit", True),
        (T5, "dinov2", True),
        (T5, None, True),
        (T5, "detr", False),
        (LongT5Config(vocab_size=128, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=2), "vit", False),
    ],
)
def test_one_graph_is_claimed_where_all_parts_can(make_model, text, tower, claimed):
    vision = {"vision_config": TOWERS[tower][0]()} if tower else {"vision_config": None, "image_feature_size": 24}
    assert make_model(text_config=text.to_dict(), **vision)._can_compile_fullgraph == claimed


@pytest.mark.parametrize("kind", [ConditionalDetrModel, DeformableDetrModel, DetrModel, RTDetrModel])
def test_no_image_encoder_for_padded_pictures_claims_one_graph(kind):
    assert "pixel_mask" in inspect.signature(kind.forward).parameters
    assert not kind._can_compile_fullgraph


def test_flash_attention_of_a_t5_is_refused_before_a_package_is_asked_for(make_model):
    with pytest.raises(ValueError, match="does not support Flash Attention 2"):
        make_model(attn_implementation="flash_attention_2")
    with pytest.raises(ImportError, match="FlashAttention2"):
        make_model(attn_implementation="flash_attention_2", text_config=BART.to_dict())


@pytest.mark.slow
def test_flex_attention_gives_the_same(make_model):
    sizes = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    model = make_model(text_config=BART.to_dict(), vision_config=ViTConfig(**sizes, image_size=16, patch_size=8))
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 8], [9, 10, 1, 1]]), "pixel_values": torch.randn(2, 3, 16, 16)}
    with torch.no_grad():
        expected = model(**inputs, labels=inputs["input_ids"]).logits
        model.set_attn_implementation("flex_attention")
        assert_close(model(**inputs, labels=inputs["input_ids"]).logits, expected)


def test_position_bias_of_a_t5_keeps_it_from_flex_attention(tiny_model):
    """The library adds it as if it had a row for each question, and reads beyond its one row."""
    assert tiny_model.language_model._supports_flex_attn
    with pytest.raises(ValueError, match="flex_attention"):
        tiny_model.set_attn_implementation("flex_attention")
