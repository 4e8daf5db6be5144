"""Trained folders, made without a training."""

import pytest
from peft import LoraConfig, get_peft_model
from transformers import ViTImageProcessorPil

from mmcot import MMCoTPipeline, MMCoTProcessor

from .layouts import ADAPTERS, NOT_PUBLISHED, PAPERS, STAGES


@pytest.fixture(scope="module")
def processor(tiny_tokenizer):
    return MMCoTProcessor(ViTImageProcessorPil(size={"height": 16, "width": 16}), tiny_tokenizer)


@pytest.fixture(scope="module")
def make_folder(make_model, loosen, processor):
    """Function of a folder, a seed and a release: a repository of two models, as a training leaves it."""

    def make(folder, seed=0, release="first"):
        models = [loosen(make_model(seed=2 * seed + number, stages=STAGES)) for number in (0, 1)]
        models[0].generation_config.max_new_tokens, models[1].generation_config.max_new_tokens = 30, 6
        MMCoTPipeline(model=models[0], answer_model=models[1], processor=processor).save_pretrained(folder)
        with open(folder / "pipeline_mmcot.py", "a") as code:
            code.write(f"\nRELEASE = {release!r}\n")
        for name, text in (PAPERS | dict.fromkeys(NOT_PUBLISHED, "private")).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        return folder

    return make


@pytest.fixture(scope="module")
def make_adapters(make_model, loosen, processor):
    """Function of a folder and a seed: a repository of a base with two adapters."""

    def make(folder, seed=0):
        loosen(make_model(stages=ADAPTERS)).save_pretrained(folder)
        processor.save_pretrained(folder)
        for number, stage in enumerate(ADAPTERS):
            base = type(make_model()).from_pretrained(folder)
            config = LoraConfig(r=2, target_modules=["q", "v"], modules_to_save=["fusion"], init_lora_weights=False)
            adapter = get_peft_model(base, config)
            for parameter in filter(lambda parameter: parameter.requires_grad, adapter.parameters()):
                parameter.data.normal_(std=0.1 + seed + number)
            adapter.save_pretrained(folder / stage)
        return folder

    return make


@pytest.fixture
def folder(make_folder, tmp_path):
    return make_folder(tmp_path / "tiny")
