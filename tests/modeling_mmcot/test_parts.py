"""A model of two checkpoints: what goes to their loading, what to the configuration, and what nowhere."""

import pytest
import torch
from huggingface_hub import HfApi
from torch.testing import assert_close
from transformers import T5Config, T5ForConditionalGeneration, ViTModel, pipeline
from transformers.activations import NewGELUActivation

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTProcessor


TOKEN = "hf_owner"
from_parts = MMCoTForConditionalGeneration.from_pretrained_parts


@pytest.fixture
def checkpoints(make_config, tmp_path):
    """Folders of a T5 and of a ViT."""
    config = make_config()
    torch.manual_seed(8)
    T5ForConditionalGeneration(config.text_config).save_pretrained(tmp_path / "t5")
    ViTModel(config.vision_config).save_pretrained(tmp_path / "vit")
    return str(tmp_path / "t5"), str(tmp_path / "vit")


@pytest.fixture
def published(checkpoints, hub, logged_in, monkeypatch):
    """The same as private repositories of the Hub, whose branch `old` has weights of zeros. Nobody is logged in."""
    api, names = HfApi(hub.url, token=TOKEN), ("org/t5", "org/vit")
    for name, folder in zip(names, checkpoints, strict=True):
        api.create_repo(name, private=True)
        api.upload_folder(repo_id=name, folder_path=folder)
        api.create_branch(name, branch="old")
        model = (T5ForConditionalGeneration if name == "org/t5" else ViTModel).from_pretrained(folder)
        for parameter in model.parameters():
            torch.nn.init.zeros_(parameter)
        model.save_pretrained(folder)
        api.upload_folder(repo_id=name, folder_path=folder, revision="old")
    monkeypatch.delenv("HF_TOKEN")
    return names


def parts_with_weights(model):
    parts = {"text": model.language_model, "vision": model.vision_tower}
    return {name for name, part in parts.items() if any(parameter.any() for parameter in part.parameters())}


def files_with(secret, folder):
    return [path.name for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


def test_arguments_of_the_hub_reach_both_parts(published, tmp_path):
    with pytest.raises(OSError, match="org/t5"):
        from_parts(*published)
    cache = tmp_path / "cache"
    model = from_parts(*published, token=TOKEN, cache_dir=cache)
    assert parts_with_weights(model) == {"text", "vision"}
    assert {path.name for path in cache.glob("models--*")} == {"models--org--t5", "models--org--vit"}
    assert parts_with_weights(from_parts(*published, revision="old", token=TOKEN)) == set()
    offline = from_parts(*published, cache_dir=cache, local_files_only=True)
    assert_close(offline.vision_tower.state_dict(), model.vision_tower.state_dict())


@pytest.mark.parametrize(("part", "left"), [("text", {"vision"}), ("vision", {"text"})])
def test_each_part_may_have_arguments_of_its_own(published, part, left):
    assert parts_with_weights(from_parts(*published, **{f"{part}_revision": "old"}, token=TOKEN)) == left


def test_secrets_stay_out_of_every_file(published, tiny_processor, tmp_path):
    model = from_parts(*published, token="hf_reader", text_token=TOKEN, vision_token=TOKEN)
    model.save_pretrained(tmp_path / "first")
    tiny_processor.save_pretrained(tmp_path / "first")
    folder = str(tmp_path / "first")
    again = MMCoTForConditionalGeneration.from_pretrained(folder, token=TOKEN)
    again.save_pretrained(tmp_path / "model")
    torch.save(again, tmp_path / "model" / "pickled.pt")
    MMCoTProcessor.from_pretrained(folder, token=TOKEN).save_pretrained(tmp_path / "processor")
    MMCoTConfig.from_pretrained(folder, token=TOKEN).save_pretrained(tmp_path / "config")
    asked = pipeline("multimodal-cot", model=folder, token=TOKEN, trust_remote_code=True)
    asked.save_pretrained(tmp_path / "pipeline")
    assert files_with("vision_config", tmp_path / "pipeline")
    assert files_with(TOKEN, tmp_path) == files_with("hf_reader", tmp_path) == []


@pytest.mark.parametrize("dtype", [torch.bfloat16, "bfloat16"])
@pytest.mark.parametrize("scratch", [(), ("text",), ("vision",), ("text", "vision")])
def test_dtype_is_that_of_all_parts(checkpoints, make_config, scratch, dtype):
    config = make_config()
    text, vision = (
        None if part in scratch else name for part, name in zip(("text", "vision"), checkpoints, strict=True)
    )
    given = {f"{part}_config": getattr(config, f"{part}_config") for part in scratch}
    model = from_parts(text, vision, dtype=dtype, **given)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert from_parts(text, vision, **given).dtype == torch.float32


def test_attention_is_that_of_all_parts(checkpoints):
    model = from_parts(*checkpoints, attn_implementation="eager")
    configs = [model.config, model.language_model.config, model.vision_tower.config]
    assert [config._attn_implementation for config in configs] == ["eager"] * 3
    output = model(torch.ones(1, 3, dtype=torch.long), decoder_input_ids=torch.zeros(1, 1, dtype=torch.long))
    assert output.encoder_attentions is None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"frieze_vision": True}, "'frieze_vision'.* did you mean 'freeze_vision'"),
        ({"visoin_model": "x"}, "'visoin_model'.* did you mean 'vision_model'"),
        ({"revison": "old"}, "'revison'.* did you mean 'revision'"),
        ({"text_revison": "old"}, "'text_revison'.* did you mean 'text_revision'"),
        ({"text_dtype": "bfloat16"}, "'text_dtype'"),
        ({"zzz": 1}, "'zzz'.* leave it out"),
    ],
)
def test_unknown_arguments_are_refused_before_anything_is_loaded(wrong, words):
    with pytest.raises(TypeError, match=words):
        from_parts("nowhere", "nowhere", **wrong)


def test_arguments_of_a_part_that_is_not_there_are_refused(checkpoints):
    with pytest.raises(TypeError, match="'vision_revision' is about vision_model, which is not given"):
        from_parts(checkpoints[0], vision_revision="old", image_feature_size=24)


def test_gelu_of_flan_t5_is_one_operation_that_gives_the_same(tmp_path):
    sizes = {"vocab_size": 64, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_heads": 2, "num_layers": 1}
    config = T5Config(feed_forward_proj="gated-gelu", **sizes)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path)
    drawn = MMCoTForConditionalGeneration(MMCoTConfig(text_config=config, image_feature_size=8))
    loaded = from_parts(str(tmp_path), image_feature_size=8)
    states = torch.linspace(-6, 6, 1000)
    for model in (drawn, loaded):
        acts = [module.act for module in model.modules() if hasattr(module, "act")]
        assert {type(act) for act in acts} == {torch.nn.GELU}
        assert_close(acts[0](states), NewGELUActivation()(states), atol=1e-6, rtol=1e-5)
