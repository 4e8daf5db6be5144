"""The key of cached features: another one wherever features would differ, the same wherever they would not."""

import pytest
import torch
from transformers import T5ForConditionalGeneration, ViTImageProcessorPil, ViTModel
from transformers.modeling_outputs import BaseModelOutputWithPooling

from mmcot.inference.feature_key import tower_key
from mmcot.inference.features import FeatureCache
from mmcot.modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.modeling_mmcot.encoder_mmcot import MMCoTEncoder

from .. import towers


@pytest.fixture
def folder_of(tmp_path):
    """Function of a model and a processor: the folder of their cache."""
    return lambda model, processor: FeatureCache.open(model, processor, tmp_path / "caches").folder


def test_another_tower_or_image_processor_has_another_cache(make_model, make_config, tiny_processor, folder_of):
    model = make_model()
    folder = folder_of(model, tiny_processor)
    vision = make_config().vision_config.to_dict()
    larger = ViTImageProcessorPil(size={"height": 32, "width": 32})
    brighter = ViTImageProcessorPil(size={"height": 16, "width": 16}, image_mean=[0.1] * 3)
    others = [
        folder_of(make_model(seed=1), tiny_processor),
        folder_of(make_model(vision_config={**vision, "layer_norm_eps": 0.5}), tiny_processor),
        folder_of(make_model().bfloat16(), tiny_processor),
        folder_of(
            make_model(vision_config={**vision, "image_size": 32}), MMCoTProcessor(larger, tiny_processor.tokenizer)
        ),
        folder_of(model, MMCoTProcessor(brighter, tiny_processor.tokenizer)),
    ]
    assert len({folder, *others}) == 6
    with torch.no_grad():
        model.language_model.get_input_embeddings().weight.mul_(2)
    assert folder_of(model, tiny_processor) == folder
    with torch.no_grad():
        next(model.vision_tower.parameters()).view(-1)[0] += 1e-3
    assert folder_of(model, tiny_processor) != folder


def look_with(change):
    """The `look` of another version, whose features are changed."""
    look = MMCoTEncoder.look
    return lambda encoder, pictures, **outputs: BaseModelOutputWithPooling(
        last_hidden_state=change(look(encoder, pictures, **outputs).last_hidden_state)
    )


def test_another_use_of_the_same_weights_has_another_cache(tiny_model, tiny_processor, monkeypatch, folder_of):
    """As after an update of this package or of transformers: neither settings nor weights tell."""
    folder = folder_of(tiny_model, tiny_processor)
    folders = {folder}
    for change in (lambda states: states.mean(1, keepdim=True), lambda states: states * 1.01):
        with monkeypatch.context() as patch:
            patch.setattr(MMCoTEncoder, "look", look_with(change))
            folders.add(folder_of(tiny_model, tiny_processor))
            assert folder_of(tiny_model, tiny_processor) in folders
    assert len(folders) == 3
    assert folder_of(tiny_model, tiny_processor) == folder


def test_last_digits_make_no_other_cache(tiny_model, tiny_processor, monkeypatch, folder_of):
    """They differ with the number of threads, and from device to device."""
    folder = folder_of(tiny_model, tiny_processor)
    monkeypatch.setattr(MMCoTEncoder, "look", look_with(lambda states: states * (1 + 1e-6)))
    assert folder_of(tiny_model, tiny_processor) == folder


def test_a_tower_that_overflows_is_refused(tiny_model, tiny_processor, tmp_path):
    with torch.no_grad():
        next(tiny_model.vision_tower.parameters()).fill_(float("nan"))
    with pytest.raises(ValueError, match="not finite, in torch.float32; load it in another precision"):
        FeatureCache.open(tiny_model, tiny_processor, tmp_path)


def test_another_way_to_pixels_has_another_cache(tiny_model, tiny_processor, monkeypatch):
    key, encode = tower_key(tiny_model, tiny_processor), tiny_processor.encode_images
    monkeypatch.setattr(
        tiny_processor, "encode_images", lambda images: {"pixel_values": encode(images)["pixel_values"] + 1}
    )
    assert tower_key(tiny_model, tiny_processor) != key


@pytest.mark.parametrize("tower", towers.TOWERS)
def test_saved_and_loaded_model_has_the_same_cache(tower, make_model, tiny_tokenizer, folder_of, tmp_path):
    model = make_model(vision_config=towers.TOWERS[tower][0]())
    processor = MMCoTProcessor(ViTImageProcessorPil(size={"height": 32, "width": 32}), tiny_tokenizer)
    folder = folder_of(model, processor)
    model.save_pretrained(tmp_path / "saved")
    processor.save_pretrained(tmp_path / "saved")
    loaded = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "saved")
    assert folder_of(loaded, MMCoTProcessor.from_pretrained(tmp_path / "saved")) == folder
    assert folder_of(loaded, processor) == folder


@pytest.mark.parametrize(("text", "vision"), [(torch.float32, torch.bfloat16), (torch.bfloat16, torch.float32)])
def test_parts_of_two_precisions_have_one_cache(text, vision, make_config, tiny_processor, folder_of, tmp_path):
    """A saved model is loaded in one precision: trained in two, it would see other features afterwards."""
    config = make_config()
    T5ForConditionalGeneration(config.text_config).to(text).save_pretrained(tmp_path / "text")
    ViTModel(config.vision_config).to(vision).save_pretrained(tmp_path / "vision")
    model = MMCoTForConditionalGeneration.from_pretrained_parts(str(tmp_path / "text"), str(tmp_path / "vision"))
    model.save_pretrained(tmp_path / "whole")
    loaded = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "whole")
    assert folder_of(loaded, tiny_processor) == folder_of(model, tiny_processor)
