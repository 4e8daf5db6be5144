"""The models behind the stages: where they come from, and adapters on one base."""

import logging
import pickle
import shutil
import warnings

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSeq2SeqLM, pipeline

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline
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
    with pytest.raises(
        ValueError, match="answer is damaged: 1 of its parameters are absent .*, such as .*lora_A.answer"
    ):
        StageModels(MMCoTForConditionalGeneration.from_pretrained(folder))


def test_token_stays_out_of_copies_and_files(make_model, tmp_path):
    make_model().save_pretrained(tmp_path)
    model = MMCoTForConditionalGeneration.from_pretrained(tmp_path, token="hf_secret")
    assert model.origin["token"] == "hf_secret"
    torch.save(model, tmp_path / "whole.pt")
    model.save_pretrained(tmp_path / "again")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"hf_secret" in path.read_bytes() for path in files)


SETTINGS = {".": {"max_new_tokens": 12, "num_beams": 3}, "answer": {"max_new_tokens": 5}}


def settings_of(model):
    return model.generation_config.max_new_tokens, model.generation_config.num_beams


class TestWhereTheModelsAre:
    """The model of a stage has its own weights and generation settings, however the folder is named."""

    @pytest.fixture
    def folder(self, make_model, loosen, tiny_processor, tmp_path):
        folder = tmp_path / "runs" / "x"
        for seed, (place, settings) in enumerate(SETTINGS.items()):
            model = loosen(make_model(seed=seed, stages={"rationale": ".", "answer": "answer"}))
            model.generation_config.update(**settings)
            model.save_pretrained(folder / place)
        tiny_processor.save_pretrained(folder)
        return folder

    @pytest.fixture
    def names(self, folder, monkeypatch):
        """The folder as one may write it."""
        monkeypatch.chdir(folder.parent.parent)
        (folder.parent / "link").symlink_to(folder)
        return ["runs/x", "./runs/../runs/x/", str(folder), "runs/link", str(folder.parent / "link")]

    def test_settings_and_answers_are_the_same_by_any_name(self, names):
        question = {"question": "Which colour?", "choices": ["red", "blue"]}
        answers = []
        for name in names:
            pipe = pipeline("multimodal-cot", model=name, pipeline_class=MMCoTPipeline)
            assert [settings_of(model) for model in (pipe.model, pipe.answer_model)] == [(12, 3), (5, None)]
            assert settings_of(AutoModelForSeq2SeqLM.from_pretrained(name, subfolder="answer")) == (5, None)
            answers.append(pipe(question))
        assert answers == answers[:1] * len(names)

    def test_further_stages_are_found_from_another_working_folder(self, folder, monkeypatch, tmp_path):
        monkeypatch.chdir(folder.parent)
        root = MMCoTForConditionalGeneration.from_pretrained("x")
        monkeypatch.chdir(tmp_path)
        assert set(StageModels(root)) == set(StageModels(pickle.loads(pickle.dumps(root)))) == {"rationale", "answer"}

    def test_missing_stage_is_named(self, folder, make_model):
        root = MMCoTForConditionalGeneration.from_pretrained(folder)
        shutil.rmtree(folder / "answer")
        with pytest.raises(
            ValueError, match=r"x has no folder 'answer' with the model of the stage 'answer'.* answer_model="
        ):
            StageModels(root)
        with pytest.raises(ValueError, match="has no folder 'answer'.* answer_model="):
            StageModels(make_model(stages={"rationale": ".", "answer": "answer"}))
