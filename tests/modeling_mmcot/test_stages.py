"""The models behind the stages: adapters on one base."""

import logging
import warnings

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from mmcot import MMCoTForConditionalGeneration
from mmcot.modeling_mmcot.stages_mmcot import StageModels


ADAPTERS = {"rationale": "rationale", "answer": "answer"}


@pytest.fixture
def folder(make_model, tmp_path):
    """A base with two adapters that differ."""
    make_model(stages=ADAPTERS).save_pretrained(tmp_path)
    config = LoraConfig(r=2, target_modules=["q", "v"], modules_to_save=["fusion"], init_lora_weights=False)
    for seed, name in enumerate(ADAPTERS):
        torch.manual_seed(seed)
        get_peft_model(MMCoTForConditionalGeneration.from_pretrained(tmp_path), config).save_pretrained(
            tmp_path / name
        )
    return tmp_path


def test_every_adapter_has_its_own_weights_and_none_is_called_missing(folder, caplog):
    root = MMCoTForConditionalGeneration.from_pretrained(folder)
    caplog.clear()
    logging.getLogger("transformers").addHandler(caplog.handler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models = StageModels(root)
    logging.getLogger("transformers").removeHandler(caplog.handler)
    assert "MISSING" not in caplog.text
    loaded = root.state_dict()
    for name in ADAPTERS:
        saved = load_file(folder / name / "adapter_model.safetensors")
        lora = {key: tensor for key, tensor in saved.items() if "lora_" in key}
        assert lora
        for key, tensor in lora.items():
            path, _, end = key.removeprefix("base_model.model.").rpartition(".")
            assert torch.equal(loaded[f"{path}.{name}.{end}"], tensor)
        assert models[name].active_adapters() == [name]


def test_adapter_without_all_of_its_weights_is_refused(folder):
    path = folder / "answer" / "adapter_model.safetensors"
    weights = load_file(path)
    del weights[next(key for key in weights if "lora_A" in key)]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(ValueError, match="answer lacks 1 parameters of its adapter, such as .*lora_A.answer"):
        StageModels(MMCoTForConditionalGeneration.from_pretrained(folder))


def test_token_stays_out_of_copies_and_files(make_model, tmp_path):
    make_model().save_pretrained(tmp_path)
    model = MMCoTForConditionalGeneration.from_pretrained(tmp_path, token="hf_secret")
    assert model.origin == {"token": "hf_secret"}
    torch.save(model, tmp_path / "whole.pt")
    model.save_pretrained(tmp_path / "again")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hf_secret" in path.read_bytes() for path in files)
