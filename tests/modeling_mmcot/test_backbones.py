"""Other language models and vision towers, fresh weights, warm starts, and saved folders."""

import pytest
import torch
from safetensors.torch import load_file
from torch.testing import assert_close
from transformers import (
    AutoModelForSeq2SeqLM,
    BartConfig,
    CLIPConfig,
    CLIPModel,
    MT5Config,
    SiglipConfig,
    SiglipModel,
    T5Config,
    T5ForConditionalGeneration,
    T5GemmaConfig,
    ViTConfig,
    ViTForImageClassification,
    modeling_utils,
)

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration

from ..towers import PICTURE, TOWERS, TRANSFORMER


T5_SIZES = {"vocab_size": 128, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
# Released T5s (tied head) and the later ones, T5 v1.1 and FLAN-T5 (own head, gated).
T5_KINDS = {
    "v1.0": {"feed_forward_proj": "relu", "tie_word_embeddings": True},
    "v1.1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
}


def t5gemma():
    stack = {
        "vocab_size": 128,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "query_pre_attn_scalar": 8,
        "sliding_window": 16,
    }
    return T5GemmaConfig(encoder=stack, decoder=stack, vocab_size=128)


LANGUAGE_MODELS = {
    "t5": lambda: T5Config(**T5_SIZES, decoder_start_token_id=0),
    "mt5": lambda: MT5Config(**T5_SIZES, decoder_start_token_id=0),
    "bart": lambda: BartConfig(
        vocab_size=128,
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        forced_eos_token_id=None,
    ),
    "t5gemma": t5gemma,
}


@pytest.fixture
def inputs():
    generator = torch.Generator().manual_seed(6)
    return {
        "input_ids": torch.randint(3, 128, (2, 6), generator=generator),
        "pixel_values": torch.randn(2, 3, 16, 16, generator=generator),
    }


@pytest.fixture
def text(inputs):
    """A prompt without picture, the second row padded."""
    inputs["input_ids"][1, 4:] = 0
    return {"input_ids": inputs["input_ids"], "attention_mask": (inputs["input_ids"] != 0).long()}


@pytest.fixture(params=list(T5_KINDS))
def t5(request, tmp_path):
    """A plain T5 saved to `t5.name_or_path`; of the kinds with an own head, that head differs from the embedding."""
    torch.manual_seed(7)
    model = T5ForConditionalGeneration(T5Config(**T5_SIZES, **T5_KINDS[request.param], decoder_start_token_id=0))
    if request.param == "v1.1":
        model.lm_head.weight = torch.nn.Parameter(torch.randn(128, 32))
    model.generation_config.max_new_tokens = 7
    model.save_pretrained(tmp_path / "t5")
    return T5ForConditionalGeneration.from_pretrained(tmp_path / "t5")


def is_tied(model):
    return model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr()


def warm_start(folder, **fields):
    config = MMCoTConfig(text_config=T5Config.from_pretrained(folder), **fields)
    return MMCoTForConditionalGeneration.from_pretrained(folder, config=config)


def logits(model, inputs, **more):
    with torch.no_grad():
        return model(**inputs, decoder_input_ids=torch.arange(5).repeat(2, 1), **more).logits


def check_fresh_fusion(fusion, gate_bias):
    """Xavier weights, zero biases, and the gate's bias where the configuration says."""
    for name, layer in fusion.named_children():
        rows, columns = layer.weight.shape
        bound = (6 / (rows + columns)) ** 0.5
        assert layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / 3**0.5, rel=0.1)
        assert set(layer.bias.tolist()) == {gate_bias if name == "gate" else 0.0}


def check_fresh_tower(tower):
    """ViT's own start, not that of the fusion: normal with deviation 0.02, zero biases."""
    for name, parameter in tower.named_parameters():
        assert parameter.isfinite().all()
        if name.endswith(("mlp.fc1.weight", "intermediate.dense.weight")):
            assert parameter.std().item() == pytest.approx(0.02, rel=0.2)
        elif name.endswith("bias"):
            assert not parameter.any()


@pytest.mark.parametrize("tower", list(TOWERS))
@pytest.mark.parametrize("freeze", [True, False], ids=["frozen", "free"])
def test_towers(make_model, tower, freeze, inputs):
    make, patches, size = TOWERS[tower]
    model = make_model(vision_config=make(), freeze_vision=freeze)
    pixels = torch.randn(2, 2, 3, 32, 32, generator=torch.Generator().manual_seed(8))
    features = model.get_image_features(pixels).pooler_output
    assert features.shape == (2, 2 * patches, size)
    assert model.config.image_feature_size == size
    states = model.vision_tower(pixels.flatten(0, 1)).last_hidden_state
    if tower == "resnet":  # a map (pictures, numbers, height, width)
        states = states.permute(0, 2, 3, 1).flatten(1, 2)
    assert_close(features, states.reshape(features.shape))
    prompt = {"input_ids": inputs["input_ids"]}
    assert_close(logits(model, prompt, pixel_values=pixels), logits(model, prompt, image_features=features))
    one_picture = torch.tensor([[1, 1], [1, 0]])
    masked = logits(model, prompt, pixel_values=pixels, image_attention_mask=one_picture)
    alone = {"input_ids": prompt["input_ids"][1:], "pixel_values": pixels[1:, 0]}
    with torch.no_grad():
        assert_close(masked[1:], model(**alone, decoder_input_ids=torch.arange(5)[None]).logits, atol=1e-4, rtol=1e-4)
    model.train()
    assert any(module.training for module in model.vision_tower.modules()) is not freeze
    model(**prompt, pixel_values=pixels, labels=prompt["input_ids"]).loss.backward()
    learned = [
        parameter.grad is not None and bool(parameter.grad.any()) for parameter in model.vision_tower.parameters()
    ]
    assert any(learned) is not freeze


@pytest.mark.parametrize("name", list(LANGUAGE_MODELS))
def test_language_models(make_model, tmp_path, name, inputs):
    model = make_model(text_config=LANGUAGE_MODELS[name]())
    with_image = logits(model, inputs)
    assert not torch.allclose(with_image, logits(model, {"input_ids": inputs["input_ids"]}), atol=1e-4)
    ids = model.generate(**inputs, max_new_tokens=5, num_beams=2)
    assert (ids[:, 0] == model.config.decoder_start_token_id).all()
    model.save_pretrained(tmp_path)
    reloaded = MMCoTForConditionalGeneration.from_pretrained(tmp_path)
    assert torch.equal(logits(reloaded, inputs), with_image)
    assert torch.equal(reloaded.generate(**inputs, max_new_tokens=5, num_beams=2), ids)
    model.train()(**inputs, labels=inputs["input_ids"]).loss.backward()
    assert model.fusion.gate.weight.grad.any()


@pytest.mark.parametrize("name", list(LANGUAGE_MODELS))
def test_language_models_without_picture_give_their_own_logits(make_model, name, inputs):
    model = make_model(text_config=LANGUAGE_MODELS[name]())
    prompt = {"input_ids": inputs["input_ids"]}
    assert_close(logits(model, prompt), logits(model.language_model, prompt))


@pytest.mark.parametrize("gate_bias", [0.0, -2.0])
def test_fresh_weights(make_model, gate_bias):
    model = make_model(gate_bias=gate_bias)
    check_fresh_fusion(model.fusion, gate_bias)
    check_fresh_tower(model.vision_tower)
    query = model.language_model.encoder.block[0].layer[0].SelfAttention.q.weight
    assert query.std().item() == pytest.approx((32 * 8) ** -0.5, rel=0.1)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("t5", ["v1.0"], indirect=True)
def test_fresh_weights_beside_a_loaded_t5(t5, make_config):
    model = warm_start(t5.name_or_path, vision_config=make_config().vision_config, gate_bias=-2.0)
    check_fresh_fusion(model.fusion, -2.0)
    check_fresh_tower(model.vision_tower)


@pytest.mark.parametrize("t5", ["v1.0"], indirect=True)
def test_fresh_weights_beside_loaded_parts(t5, make_config):
    parts = MMCoTForConditionalGeneration.from_pretrained_parts
    model = parts(t5.name_or_path, image_feature_size=48, gate_bias=3.0)
    check_fresh_fusion(model.fusion, 3.0)
    assert model.fusion.image_projection.in_features == 48
    with_tower = parts(t5.name_or_path, vision_config=make_config().vision_config)
    check_fresh_fusion(with_tower.fusion, 0.0)
    check_fresh_tower(with_tower.vision_tower)
    assert torch.equal(with_tower.language_model.shared.weight, t5.shared.weight)


def test_parts_from_scratch_need_no_checkpoint(make_config, inputs):
    config = make_config()
    model = MMCoTForConditionalGeneration.from_pretrained_parts(
        text_config=config.text_config, vision_config=config.vision_config
    )
    check_fresh_fusion(model.fusion, 0.0)
    assert model.generate(**inputs, max_new_tokens=3).shape[0] == 2


@pytest.mark.parametrize(
    "start", [warm_start, MMCoTForConditionalGeneration.from_pretrained_parts], ids=["keys", "parts"]
)
def test_warm_start_without_picture_is_the_t5(t5, start, text):
    model = start(t5.name_or_path)
    # Equal but for the GELU of v1.1, which is the same function in one operation.
    torch.testing.assert_close(logits(model, text), logits(t5, text), atol=1e-5, rtol=1e-4)
    ids = model.generate(**text)
    assert torch.equal(ids, t5.generate(**text))
    assert ids.shape[1] <= 1 + t5.generation_config.max_new_tokens
    assert is_tied(model) is is_tied(t5) is t5.config.scale_decoder_outputs


@pytest.mark.parametrize("t5", ["v1.0"], indirect=True)
@pytest.mark.parametrize("whole", [CLIPModel, SiglipModel])
def test_parts_take_the_vision_half_of_a_whole(t5, whole, tmp_path, inputs):
    sizes = {"text_config": TRANSFORMER | {"vocab_size": 50}, "vision_config": TRANSFORMER | PICTURE}
    config = {CLIPModel: CLIPConfig, SiglipModel: SiglipConfig}[whole](**sizes)
    pictures_and_words = whole(config).eval()
    pictures_and_words.save_pretrained(tmp_path / "whole")
    model = MMCoTForConditionalGeneration.from_pretrained_parts(t5.name_or_path, str(tmp_path / "whole"))
    expected = pictures_and_words.vision_model(inputs["pixel_values"]).last_hidden_state
    assert torch.equal(model.get_image_features(inputs["pixel_values"]).pooler_output, expected)
    assert model.config.image_feature_size == 24
    assert not any(parameter.requires_grad for parameter in model.vision_tower.parameters())
    model.save_pretrained(tmp_path / "saved")
    reloaded = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "saved")
    assert torch.equal(logits(reloaded, inputs), logits(model, inputs))


@pytest.mark.parametrize("t5", ["v1.0"], indirect=True)
def test_parts_take_the_body_of_a_classifier(t5, tmp_path, inputs):
    classifier = ViTForImageClassification(ViTConfig(**TRANSFORMER, **PICTURE)).eval()
    classifier.save_pretrained(tmp_path / "vit")
    model = MMCoTForConditionalGeneration.from_pretrained_parts(t5.name_or_path, str(tmp_path / "vit"))
    expected = classifier.vit(inputs["pixel_values"]).last_hidden_state
    assert torch.equal(model.get_image_features(inputs["pixel_values"]).pooler_output, expected)


@pytest.mark.parametrize("t5", ["v1.1"], indirect=True)
def test_parts_in_half_precision(t5, inputs):
    """A language model saved in bfloat16 is loaded as such."""
    t5.to(torch.bfloat16).save_pretrained(t5.name_or_path)
    model = MMCoTForConditionalGeneration.from_pretrained_parts(t5.name_or_path, image_feature_size=24)
    output = logits(model, {"input_ids": inputs["input_ids"]}, image_features=torch.ones(2, 3, 24))
    assert output.dtype == model.dtype
    assert output.isfinite().all()


@pytest.mark.parametrize("t5", ["v1.0"], indirect=True)
def test_whole_model_is_no_part_of_another(t5, tiny_model, tmp_path):
    tiny_model.save_pretrained(tmp_path / "whole")
    whole, parts = str(tmp_path / "whole"), MMCoTForConditionalGeneration.from_pretrained_parts
    with pytest.raises(ValueError, match="whole is a whole mmcot model; give a language model such as"):
        parts(whole)
    with pytest.raises(ValueError, match="whole is a whole mmcot model; give an image encoder such as"):
        parts(t5.name_or_path, whole)


def test_shards_hold_five_gigabytes_unless_told_otherwise(tiny_model, tmp_path, monkeypatch):
    sizes, split = [], modeling_utils.split_torch_state_dict_into_shards

    def spy(weights, **options):
        sizes.append(options["max_shard_size"])
        return split(weights, **options)

    monkeypatch.setattr(modeling_utils, "split_torch_state_dict_into_shards", spy)
    tiny_model.save_pretrained(tmp_path)
    tiny_model.save_pretrained(tmp_path, max_shard_size="1MB")
    assert sizes == ["5GB", "1MB"]


@pytest.mark.parametrize("shard", ["5GB", "60KB"], ids=["one_file", "sharded"])
def test_a_saved_folder_gives_the_same_model(t5, tmp_path, inputs, shard, make_config):
    model = warm_start(t5.name_or_path, vision_config=make_config().vision_config, missing_image="zeros")
    folder = tmp_path / "saved"
    model.save_pretrained(folder, max_shard_size=shard)
    names = {path.name for path in folder.iterdir()}
    weights = [name for name in names if name.endswith(".safetensors")]
    assert (len(weights) > 1) is ("model.safetensors.index.json" in names) is (shard == "60KB")
    assert not any(name.endswith((".bin", ".pt", ".pth", ".pkl")) for name in names)
    saved = [name for file in weights for name in load_file(folder / file)]
    assert sum("lm_head" in name or "embed_tokens" in name for name in saved) == (not is_tied(t5))
    reloaded, report = MMCoTForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert is_tied(reloaded) is is_tied(t5)
    assert reloaded.config.to_dict() | {"_name_or_path": ""} == model.config.to_dict() | {"_name_or_path": ""}
    assert torch.equal(logits(reloaded, inputs), logits(model, inputs))
    assert torch.equal(reloaded.generate(**inputs, max_new_tokens=4), model.generate(**inputs, max_new_tokens=4))
    through_auto = AutoModelForSeq2SeqLM.from_pretrained(folder)
    assert torch.equal(logits(through_auto, inputs), logits(model, inputs))


def test_resized_vocabulary_survives_saving(t5, tmp_path, inputs):
    """The plain T5 says whether the library keeps an own head apart when it resizes."""
    model = warm_start(t5.name_or_path, image_feature_size=24)
    prompt = {"input_ids": inputs["input_ids"], "image_features": torch.ones(2, 3, 24)}
    before = logits(model, prompt)
    model.resize_token_embeddings(140, mean_resizing=False)
    t5.resize_token_embeddings(140, mean_resizing=False)
    assert model.config.text_config.vocab_size == 140
    assert is_tied(model) is is_tied(t5)
    resized = logits(model, prompt | {"input_ids": prompt["input_ids"] + 10})
    assert resized.shape[-1] == 140
    if t5.config.scale_decoder_outputs:
        assert_close(logits(model, prompt)[..., :128], before)
    model.save_pretrained(tmp_path / "resized")
    reloaded = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "resized")
    assert torch.equal(logits(reloaded, prompt | {"input_ids": prompt["input_ids"] + 10}), resized)
