"""A checkpoint of another model where one of ours is wanted, and a model without its processor: one line each."""

import pytest
from transformers import AutoModelForSeq2SeqLM, T5ForConditionalGeneration, pipeline

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration


QUESTION = {"question": "Which colour has the ball?", "choices": ["red", "blue"]}
PARTS = r"is a 't5' model.*MMCoTForConditionalGeneration.from_pretrained_parts"


@pytest.fixture
def t5(make_config, tmp_path):
    T5ForConditionalGeneration(make_config().text_config).save_pretrained(tmp_path / "t5")
    return str(tmp_path / "t5")


@pytest.fixture
def saved(tiny_model, tiny_processor, tmp_path):
    tiny_model.save_pretrained(tmp_path / "saved")
    tiny_processor.save_pretrained(tmp_path / "saved")
    return str(tmp_path / "saved")


@pytest.mark.parametrize("kind", [MMCoTForConditionalGeneration, MMCoTConfig])
def test_language_model_is_no_model_of_ours(t5, kind, capfd):
    with pytest.raises(ValueError, match=PARTS):
        kind.from_pretrained(t5)
    assert capfd.readouterr().err == ""


def test_language_model_in_the_pipeline(t5):
    with pytest.raises(ValueError, match=PARTS):
        pipeline("multimodal-cot", model=t5)
    with pytest.raises(ValueError, match=PARTS):
        pipeline("multimodal-cot", model=AutoModelForSeq2SeqLM.from_pretrained(t5))


def test_loaded_model_brings_its_processor_into_the_pipeline(saved):
    expected = pipeline("multimodal-cot", model=saved, trust_remote_code=True)(**QUESTION, max_new_tokens=4)
    asked = pipeline("multimodal-cot", model=MMCoTForConditionalGeneration.from_pretrained(saved))
    assert asked(**QUESTION, max_new_tokens=4) == expected


def test_model_without_processor_in_the_pipeline(tiny_model, tiny_processor):
    with pytest.raises(ValueError, match="has no processor.*processor="):
        pipeline("multimodal-cot", model=tiny_model)
    asked = pipeline("multimodal-cot", model=tiny_model, processor=tiny_processor)
    assert isinstance(asked(**QUESTION, max_new_tokens=4)["rationale"], str)
