"""Weights that lie elsewhere, or in fewer bits: offloaded to the disk, quantized."""

import pytest
import torch
from accelerate import cpu_offload, disk_offload
from torch.testing import assert_close
from transformers import BitsAndBytesConfig, T5Config, TorchAoConfig, ViTConfig

from mmcot import MMCoTForConditionalGeneration


pytestmark = pytest.mark.slow


@pytest.fixture
def inputs():
    torch.manual_seed(0)
    return {"input_ids": torch.randint(3, 128, (2, 7)), "pixel_values": torch.randn(2, 3, 16, 16)}


@pytest.fixture
def saved(make_model, tmp_path):
    """A model, and the folder that it was saved in."""
    model = make_model()
    model.save_pretrained(tmp_path / "saved")
    return model, tmp_path / "saved"


def outputs(model, inputs):
    with torch.no_grad():
        logits = model(**inputs, decoder_input_ids=torch.tensor([[0, 5, 6], [0, 7, 8]])).logits
        return logits, model.generate(**inputs, max_new_tokens=6)


def assert_same(model, expected, inputs):
    for found, wanted in zip(outputs(model, inputs), outputs(expected, inputs), strict=True):
        assert_close(found, wanted)


@pytest.mark.parametrize(
    "parts", [("language_model",), ("vision_tower", "fusion"), ("language_model", "vision_tower")]
)
def test_parts_on_the_disk(parts, saved, inputs, tmp_path):
    model, folder = saved
    places = {part: "disk" if part in parts else "cpu" for part in ("language_model", "vision_tower", "fusion")}
    loaded = MMCoTForConditionalGeneration.from_pretrained(folder, device_map=places, offload_folder=tmp_path / "disk")
    assert {next(getattr(loaded, part).parameters()).device.type for part in parts} == {"meta"}
    assert_same(loaded, model, inputs)


def test_device_map_by_the_memory_there_is(saved, inputs, tmp_path):
    model, folder = saved
    memory = {"cpu": 0.3 * model.get_memory_footprint()}
    loaded = MMCoTForConditionalGeneration.from_pretrained(
        folder, device_map="auto", max_memory=memory, offload_folder=tmp_path / "disk"
    )
    assert {"cpu", "disk"} <= set(loaded.hf_device_map.values())
    assert_same(loaded, model, inputs)


@pytest.mark.parametrize("way", ["cpu", "disk"])
def test_offload_of_a_model_in_memory(way, make_model, inputs, tmp_path):
    offloaded = make_model()
    if way == "cpu":
        cpu_offload(offloaded, "cpu")
    else:
        disk_offload(offloaded, tmp_path, "cpu")
    assert_same(offloaded, make_model(), inputs)


@pytest.fixture
def larger(make_model, tmp_path):
    """A model whose layers have a whole number of the blocks that are quantized together, and its folder."""
    text = {"vocab_size": 128, "d_model": 64, "d_kv": 16, "d_ff": 128, "num_heads": 4, "num_layers": 2}
    vision = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
    model = make_model(
        text_config=T5Config(**text, decoder_start_token_id=0),
        vision_config=ViTConfig(**vision, image_size=16, patch_size=8),
    )
    model.save_pretrained(tmp_path / "larger")
    return model, tmp_path / "larger"


def settings_of(kind):
    """Of a way to quantize; the test is skipped where its package is not installed."""
    if kind == "torchao, int8":
        return TorchAoConfig(pytest.importorskip("torchao.quantization").Int8WeightOnlyConfig())
    pytest.importorskip("bitsandbytes")
    return BitsAndBytesConfig(**({"load_in_8bit": True} if kind.endswith("int8") else {"load_in_4bit": True}))


@pytest.mark.parametrize(
    ("kind", "layer", "tolerance"),
    [
        ("torchao, int8", "Int8Tensor", 0.03),
        ("bitsandbytes, int8", "Linear8bitLt", 0.03),
        ("bitsandbytes, 4 bits", "Linear4bit", 0.3),
    ],
)
def test_quantized_on_a_cpu(kind, layer, tolerance, larger, inputs, tmp_path):
    model, folder = larger
    settings = settings_of(kind)
    quantized = MMCoTForConditionalGeneration.from_pretrained(folder, quantization_config=settings, device_map="cpu")
    query = quantized.language_model.encoder.block[0].layer[0].SelfAttention.q
    assert layer in (type(query).__name__, type(query.weight).__name__)
    logits, expected = (outputs(found, inputs)[0].float() for found in (quantized, model))
    assert 0 < (logits - expected).abs().max() < tolerance * expected.abs().max()
    quantized.save_pretrained(tmp_path / "quantized")
    again = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "quantized", device_map="cpu")
    assert_same(again, quantized, inputs)
