"""A model that reads no pictures: neither tower nor fusion, and nothing breaks where pictures are shown to it."""

import pytest
import torch
from PIL import Image

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline
from mmcot.conversion.official import convert_official, official_config, official_state_dict
from mmcot.inference.load import load_trained


STAGES = {"rationale": ".", "answer": "answer"}
QUESTION = {"question": "Which?", "choices": ["a", "b"], "image": Image.new("RGB", (16, 16), "red")}


@pytest.fixture
def blind(make_model, loosen):
    return loosen(make_model(seed=1, vision_config=None, image_feature_size=0))


@pytest.fixture
def two_stages(make_model, loosen, blind, tiny_processor):
    """A pipeline whose first stage looks, while the second does not."""
    return MMCoTPipeline(model=loosen(make_model(stages=STAGES)), answer_model=blind, processor=tiny_processor)


def test_it_has_neither_tower_nor_fusion(blind, tmp_path):
    assert all(name.startswith("language_model.") for name, _ in blind.named_parameters())
    blind.save_pretrained(tmp_path)
    again = MMCoTForConditionalGeneration.from_pretrained(tmp_path)
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 1]]), "labels": torch.tensor([[8, 9, 1]])}
    assert torch.equal(again(**inputs).loss, blind(**inputs).loss)


def test_it_reads_text_as_the_language_model_alone_does(blind):
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 1]]), "decoder_input_ids": torch.tensor([[0, 8]])}
    outputs = blind(**inputs, output_attentions=True)
    assert torch.allclose(outputs.logits, blind.language_model(**inputs).logits, atol=1e-6)
    assert (outputs.image_attentions, outputs.gate) == (None, None)


@pytest.mark.parametrize("name", ["pixel_values", "image_features"])
def test_pictures_given_to_it_are_refused(blind, name):
    pictures = {"pixel_values": torch.zeros(1, 3, 16, 16), "image_features": torch.zeros(1, 5, 24)}[name]
    with pytest.raises(ValueError, match="reads no pictures .*leave pixel_values and image_features out"):
        blind(input_ids=torch.tensor([[5, 1]]), labels=torch.tensor([[8, 1]]), **{name: pictures})


def test_a_tower_and_no_features_contradict_each_other(tiny_config):
    with pytest.raises(ValueError, match="the vision tower gives 24 numbers per patch"):
        MMCoTConfig(vision_config=tiny_config.vision_config, image_feature_size=0)


def test_only_the_stage_that_looks_gets_the_picture(two_stages):
    answer = two_stages(QUESTION, max_new_tokens=4)
    assert answer["scores"]
    other = {**QUESTION, "image": Image.new("RGB", (16, 16), "blue"), "rationale": "The ball is green."}
    same = {**QUESTION, "rationale": "The ball is green."}
    assert two_stages(other, max_new_tokens=4)["scores"] == two_stages(same, max_new_tokens=4)["scores"]


def test_an_explanation_has_the_gate_of_the_stage_that_looks(two_stages):
    explanation = two_stages(QUESTION, max_new_tokens=4, explain=True)["explanation"]
    assert list(explanation.gates) == ["rationale"]
    assert len(explanation.options) == 2


def test_a_saved_folder_knows_which_stage_is_blind(two_stages, tmp_path):
    two_stages.save_pretrained(tmp_path)
    models, _, features = load_trained(tmp_path)
    assert (models.reads_pictures("rationale"), models.reads_pictures("answer")) == (True, False)
    assert list(features) == ["rationale"]


def test_the_official_code_gets_a_gate_that_is_shut(blind):
    exported = convert_official(official_config(blind.config), official_state_dict(blind, 24))
    inputs = {"input_ids": torch.tensor([[5, 6, 7, 1]]), "decoder_input_ids": torch.tensor([[0, 8]])}
    seen = exported(**inputs, image_features=torch.randn(1, 5, 24)).logits
    assert torch.allclose(seen, blind(**inputs).logits, atol=1e-6)
