"""Official checkpoints, as published, become repositories; repositories become folders of the official code."""

import json
import os
import shutil
import zipfile
from importlib import import_module

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peft import LoraConfig, get_peft_model
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, BartConfig, ViTImageProcessorPil, pipeline

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from mmcot.conversion.checkpoint import read_pickle
from mmcot.conversion.convert import IMAGE_PROCESSORS, convert_checkpoint, official_image_processor, save_processor
from mmcot.conversion.export import FORMATS, export
from mmcot.conversion.official import convert_official

from ..golden_cases import LOCAL, LOCAL_CASES


# Folders of reference checkpoints, and the case whose figures hold for each.
SHARED = {
    "legacy_bin": "gated_untied_small",
    "v1_layout": "relu_tied_small",
    "gated_untied_odd": "gated_untied_odd",
    "relu_tied_detr": "relu_tied_detr",
}
PROMPT = "Question: Which animal is in the picture? Options: (A) a red cat Solution:"


def silent(_):
    """What is told to nobody."""


def convert(source, output, *others):
    convert_checkpoint(source, output, *others, say=silent)
    return output


@pytest.fixture
def checkpoint(tmp_path, tiny_tokenizer):
    """Function of a case: the folder that the official trainer would have left of it."""

    def make(case="relu_tied_small", name="checkpoint"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(LOCAL / case / "config.json", folder)
        torch.save(load_file(LOCAL / case / "weights.safetensors"), folder / "pytorch_model.bin")
        tiny_tokenizer.save_pretrained(folder)
        torch.save({"arguments": print}, folder / "training_args.bin")
        return folder

    return make


def zipped(folder, path, top="checkpoint/", names=None):
    """A zip file of a folder's files, by default under one top folder."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, (names or {}).get(file.name, f"{top}{file.name}"))
    return path


def change(tower, **sizes):
    return AutoModel.from_config(type(tower.config)(**tower.config.to_dict() | sizes))


def same_weights(one, other):
    one, other = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("name", [*LOCAL_CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SHARED)])
def test_the_road_through_files_changes_nothing(name, request, tmp_path):
    case = LOCAL / name
    folder = case
    if name in SHARED:
        golden = request.getfixturevalue("shared_dir") / "golden"
        folder, case = golden / name, golden / SHARED[name]
    io = load_file(case / "io.safetensors")
    inputs = {key: io[key] for key in ("input_ids", "attention_mask")} | {"image_features": io["image_feats"].float()}
    core = convert_official(json.loads((case / "config.json").read_text()), load_file(case / "weights.safetensors"))
    model = MMCoTForConditionalGeneration.from_pretrained(convert(folder, tmp_path / "converted"))
    with torch.no_grad():
        ours, theirs = (each(**inputs, labels=io["labels_pad"]).logits for each in (model, core))
    assert torch.equal(ours, theirs)
    length = json.loads((case / "meta.json").read_text())["max_length"]
    assert model.generate(**inputs, max_length=length).tolist() == io["greedy_ids"].tolist()


def test_converted_model_has_its_own_memory():
    case = LOCAL / "relu_tied_small"
    weights = load_file(case / "weights.safetensors")
    before = {name: tensor.clone() for name, tensor in weights.items()}
    model = convert_official(json.loads((case / "config.json").read_text()), weights)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights.items())


def test_a_repository_comes_of_it(checkpoint, tiny_tokenizer, tmp_path):
    folder = convert(checkpoint(), tmp_path / "converted")
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "processor_config.json", "tokenizer.json"} <= names
    assert "modeling_mmcot.py" in names
    assert "training_args.bin" not in names
    config = json.loads((folder / "config.json").read_text())
    assert (config["missing_image"], config["image_feature_size"]) == ("zeros", 24)
    assert config["stages"] == {"rationale": "."}
    processor = MMCoTProcessor.from_pretrained(folder)
    assert processor.newline == "official"
    assert processor.tokenizer(PROMPT)["input_ids"] == tiny_tokenizer(PROMPT)["input_ids"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "converted"]


@pytest.mark.parametrize("top", ["", "checkpoint/", "deep/down/"])
def test_zip_file_is_as_good_as_its_folder(checkpoint, tmp_path, top):
    folder = checkpoint()
    archive = zipped(folder, tmp_path / "published.zip", top)
    assert same_weights(convert(folder, tmp_path / "a"), convert(archive, tmp_path / "b"))
    assert (tmp_path / "a/tokenizer.json").read_bytes() == (tmp_path / "b/tokenizer.json").read_bytes()


def test_safetensors_are_as_good_as_pickles(checkpoint, tmp_path):
    folder = checkpoint()
    expected = convert(folder, tmp_path / "a")
    save_file(torch.load(folder / "pytorch_model.bin", weights_only=True), folder / "model.safetensors")
    (folder / "pytorch_model.bin").unlink()
    assert same_weights(convert(folder, tmp_path / "b"), expected)


def test_two_checkpoints_make_one_repository(checkpoint, tmp_path):
    sources = checkpoint(), checkpoint("gated_untied_small", "second")
    folder = convert(sources[0], tmp_path / "both", sources[1])
    assert same_weights(folder, convert(sources[0], tmp_path / "a"))
    assert same_weights(folder / "answer", convert(sources[1], tmp_path / "b"))
    answer = pipeline("multimodal-cot", model=str(folder), trust_remote_code=True)(
        question="Which animal is in the picture?", choices=["a red cat", "a blue dog"], max_new_tokens=4
    )
    assert len(answer["scores"]) == 2
    assert isinstance(answer["rationale"], str)


def test_with_an_image_encoder_it_reads_pictures(checkpoint, make_config, tmp_path):
    tower = AutoModel.from_config(make_config().vision_config).eval()
    tower.save_pretrained(tmp_path / "tower")
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "tower")
    source, answer = checkpoint(), checkpoint("gated_untied_small", "b")
    folder = convert(source, tmp_path / "converted", answer, tmp_path / "tower")
    pictures = MMCoTProcessor.from_pretrained(folder).encode_images([Image.new("RGB", (30, 20))])["pixel_values"]
    for stage in (folder, folder / "answer"):
        model = MMCoTForConditionalGeneration.from_pretrained(stage)
        assert torch.equal(model.get_image_features(pictures).last_hidden_state, tower(pictures).last_hidden_state)
        assert not any(parameter.requires_grad for parameter in model.vision_tower.parameters())
    change(tower, hidden_size=48).save_pretrained(tmp_path / "wider")
    with pytest.raises(ValueError, match="gives 48 numbers per image patch, and the checkpoint was trained with 24"):
        convert(source, tmp_path / "other", None, tmp_path / "wider")
    change(tower, image_size=32).save_pretrained(tmp_path / "tower")
    with pytest.raises(ValueError, match="cannot read the pictures that the checkpoint was trained with"):
        convert(source, tmp_path / "other", None, tmp_path / "tower")
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("size", IMAGE_PROCESSORS)
def test_image_processor_is_that_of_the_features(size, tmp_path, checkpoint):
    save_processor(checkpoint(), official_image_processor(size, None), tmp_path / "out", silent)
    read = MMCoTProcessor.from_pretrained(tmp_path / "out").image_processor
    assert type(read).__name__.removesuffix("Pil") == type(IMAGE_PROCESSORS[size]()).__name__.removesuffix("Pil")


def test_without_tokenizer_there_is_no_processor_and_that_is_said(checkpoint, tmp_path):
    folder, said = checkpoint(), []
    (folder / "tokenizer.json").unlink()
    convert_checkpoint(folder, tmp_path / "out", say=said.append)
    assert "lacks tokenizer and processor" in said[0]
    assert not (tmp_path / "out" / "processor_config.json").exists()


class Shell:
    """What a pickle runs when it is read."""

    def __reduce__(self):
        return (os.mkdir, ("made-by-a-pickle",))


def resave(folder, change):
    """Saves the weights anew after a change of them."""
    path = folder / "pytorch_model.bin"
    weights = torch.load(path, weights_only=True)
    change(weights)
    torch.save(weights, path)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def as_safetensors(folder):
    save_file(torch.load(folder / "pytorch_model.bin", weights_only=True), folder / "model.safetensors")
    cut(folder / "model.safetensors")


def with_instructions(folder, instructions):
    """Saves the weights anew with other instructions on how to put them together."""
    path = folder / "pytorch_model.bin"
    with zipfile.ZipFile(path) as archive:
        records = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, instructions if name.endswith("data.pkl") else content)


DAMAGES = {
    "no config": (lambda folder: (folder / "config.json").unlink(), "no config.json"),
    "cut config": (lambda folder: cut(folder / "config.json"), "config.json is not JSON"),
    "other model": (lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'), "not that of a T5"),
    "no weights": (lambda folder: (folder / "pytorch_model.bin").unlink(), "none of model.safetensors"),
    "cut pickle": (lambda folder: cut(folder / "pytorch_model.bin"), r"pytorch_model.bin is cut off"),
    "cut safetensors": (as_safetensors, "model.safetensors is damaged"),
    "raw pickle": (
        lambda folder: (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n."),
        "not a file of torch",
    ),
    "code": (
        lambda folder: resave(folder, lambda weights: weights.update(x=Shell())),
        r"would run \w+\.mkdir; do not",
    ),
    "older code": (lambda folder: with_instructions(folder, b"(S'x'\nios\nmkdir\n."), "is damaged .Unsupported"),
    "no instructions": (lambda folder: with_instructions(folder, b""), "is damaged .it ends early"),
    "a number": (lambda folder: resave(folder, lambda weights: weights.update(epoch=3)), "other than tensors: epoch"),
    "a list": (lambda folder: torch.save([torch.ones(1)], folder / "pytorch_model.bin"), "holds a list"),
    "no fusion": (
        lambda folder: resave(folder, lambda weights: weights.pop("encoder.image_dense.weight")),
        "image_dense.weight",
    ),
    "half": (
        lambda folder: resave(folder, lambda weights: [weights.pop(name) for name in [*weights] if ".1." in name]),
        r"missing: language_model\.decoder.* and \d+ more",
    ),
    "foreign": (lambda folder: resave(folder, lambda weights: weights.update(x=torch.ones(1))), "unexpected: .*x"),
    "wrong size": (
        lambda folder: resave(folder, lambda weights: weights.update({"encoder.gate_dense.weight": torch.ones(3, 4)})),
        r"another size: fusion\.gate\.weight",
    ),
    "attention in two": (
        lambda folder: resave(
            folder, lambda weights: weights.update({"encoder.mha_layer.in_proj_bias": torch.ones(2)})
        ),
        r"missing: fusion\.value\.bias",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_named_and_leaves_nothing(checkpoint, tmp_path, monkeypatch, damage):
    monkeypatch.chdir(tmp_path)
    folder, (change, words) = checkpoint(), DAMAGES[damage]
    change(folder)
    with pytest.raises(ValueError, match=words) as error:
        convert(folder, tmp_path / "out")
    assert str(error.value).startswith(str(folder))
    assert "\n" not in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_weights_cut_anywhere_are_an_error(tmp_path, data):
    whole, path = tmp_path / "whole.bin", tmp_path / "cut.bin"
    torch.save({"shared.weight": torch.ones(40)}, whole)
    content = whole.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(ValueError, match=r"cut\.bin is"):
        read_pickle(path)


@pytest.mark.parametrize("name", ["../escaped.json", "/tmp/escaped.json", "a/../../escaped.json", "..\\escaped.json"])
def test_names_that_leave_the_zip_file_are_refused(checkpoint, tmp_path, name):
    path = zipped(checkpoint(), tmp_path / "evil.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "{}")
    with pytest.raises(ValueError, match="outside itself"):
        convert(path, tmp_path / "out")
    assert not list(tmp_path.rglob("escaped.json"))


def test_zip_files_without_one_checkpoint_are_refused(checkpoint, tmp_path):
    folder = checkpoint()
    whole = zipped(folder, tmp_path / "whole.zip")
    cut(whole)
    with pytest.raises(ValueError, match="nor a whole zip file"):
        convert(whole, tmp_path / "out")
    without = zipped(folder, tmp_path / "without.zip", names={"config.json": "settings.json"})
    with pytest.raises(ValueError, match="no config.json"):
        convert(without, tmp_path / "out")
    several = zipped(folder, tmp_path / "several.zip")
    with zipfile.ZipFile(several, "a") as archive:
        archive.writestr("other/config.json", "{}")
    with pytest.raises(ValueError, match="several checkpoints"):
        convert(several, tmp_path / "out")


def test_places_that_cannot_be(checkpoint, tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        convert(tmp_path / "nowhere", tmp_path / "out")
    folder = checkpoint()
    with pytest.raises(ValueError, match="is not empty"):
        convert(folder, folder)
    (tmp_path / "empty").mkdir()
    convert(folder, tmp_path / "empty")


@pytest.mark.parametrize("case", LOCAL_CASES)
def test_there_and_back_is_the_same_bit_for_bit(checkpoint, tmp_path, case):
    source = checkpoint(case)
    there = convert(source, tmp_path / "there")
    export(there, tmp_path / "exported", say=silent)
    exported = tmp_path / "exported" / "rationale"
    official = load_file(LOCAL / case / "weights.safetensors")
    written = load_file(exported / "model.safetensors")
    assert written.keys() == official.keys()
    assert all(torch.equal(tensor, official[name]) for name, tensor in written.items())
    known, config = (json.loads((folder / "config.json").read_text()) for folder in (source, exported))
    derived = {"dense_act_fn", "is_gated_act", "transformers_version", "torch_dtype"}
    assert config == config | {name: value for name, value in known.items() if name not in derived} | {
        "tie_word_embeddings": known.get("tie_word_embeddings", True)
    }
    back = convert(exported, tmp_path / "back")
    assert same_weights(there, back)
    for name in ("config.json", "processor_config.json"):
        assert json.loads((there / name).read_text()) == json.loads((back / name).read_text())


def test_exported_tokenizer_is_in_the_older_form(checkpoint, tiny_tokenizer, tmp_path):
    export(convert(checkpoint(), tmp_path / "there"), tmp_path / "exported", say=silent)
    text = (tmp_path / "exported/rationale/tokenizer.json").read_text()
    assert "prepend_scheme" not in text
    assert all(isinstance(merge, str) for merge in json.loads(text)["model"]["merges"])
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "exported/rationale")
    assert tokenizer(PROMPT)["input_ids"] == tiny_tokenizer(PROMPT)["input_ids"]
    assert (tokenizer.pad_token, tokenizer.eos_token) == ("<pad>", "</s>")


def test_both_stages_of_a_trained_repository(make_model, tiny_processor, tmp_path):
    models = [make_model(seed=seed, stages={"rationale": ".", "answer": "answer"}) for seed in (1, 2)]
    MMCoTPipeline(model=models[0], answer_model=models[1], processor=tiny_processor).save_pretrained(tmp_path / "run")
    said = []
    export(tmp_path / "run", tmp_path / "out", say=said.append)
    assert "patch_size=(PATCHES, 24)" in said[0]
    assert "image encoder is not exported" in " ".join(said)
    folder = convert(tmp_path / "out/rationale", tmp_path / "back", tmp_path / "out/answer")
    for name, model in zip((".", "answer"), models, strict=True):
        read = MMCoTForConditionalGeneration.from_pretrained(folder / name).state_dict()
        assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in read.items())


def test_adapters_are_merged_into_their_base(make_model, tmp_path):
    stages = {"rationale": "rationale", "answer": "answer"}
    make_model(stages=stages).save_pretrained(tmp_path / "run")
    for stage in stages:
        torch.manual_seed(len(stage))
        adapter = LoraConfig(target_modules=r"language_model\..*\.(q|v)", modules_to_save=["fusion"])
        adapted = get_peft_model(make_model(stages=stages), adapter)
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter)
        adapted.save_pretrained(tmp_path / "run" / stage)
    export(tmp_path / "run", tmp_path / "out", say=silent)
    weights = load_file(tmp_path / "out/answer/model.safetensors")
    merged, name = adapted.merge_and_unload(), "encoder.block.0.layer.0.SelfAttention.q.weight"
    assert torch.equal(weights[name], merged.language_model.state_dict()[name])
    assert not any("lora" in name for name in weights)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_its_file(name):
    assert callable(import_module(f"mmcot.conversion.to_{name}").write)


def test_what_the_official_code_cannot_load_is_refused(make_model, tmp_path):
    text = BartConfig(
        vocab_size=64, d_model=16, encoder_layers=1, decoder_layers=1, encoder_ffn_dim=16, decoder_ffn_dim=16
    )
    make_model(text_config=text, vision_config=None).save_pretrained(tmp_path / "run")
    with pytest.raises(ValueError, match="'bart'; the official code knows T5"):
        export(tmp_path / "run", tmp_path / "out")
    with pytest.raises(ValueError, match=r"has no config\.json"):
        export(tmp_path / "nowhere", tmp_path / "out")
