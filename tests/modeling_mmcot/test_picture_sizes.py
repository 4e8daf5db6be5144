"""Pictures that keep their proportions: what one is read as depends on no other."""

import datasets
import pytest
import torch
from PIL import Image
from transformers import DetrImageProcessorPil

from mmcot import MMCoTPipeline, MMCoTProcessor
from mmcot.inference.features import FeatureCache
from mmcot.inference.image_hashes import image_hashes

from .. import towers


TOWERS = {name: towers.TOWERS[name][0] for name in ("detr", "resnet")}
WIDE, TALL, SQUARE = (Image.linear_gradient("L").resize(size) for size in ((60, 30), (20, 50), (40, 40)))
PICTURES = [WIDE, None, [TALL, SQUARE], TALL]


@pytest.fixture
def processor(tiny_tokenizer):
    image_processor = DetrImageProcessorPil(size={"shortest_edge": 24, "longest_edge": 64})
    return MMCoTProcessor(image_processor, tiny_tokenizer)


@pytest.fixture(params=TOWERS)
def model(request, make_model):
    return make_model(vision_config=TOWERS[request.param]())


def encoded(model, inputs):
    with torch.no_grad():
        return model.get_encoder()(**inputs).last_hidden_state


def test_each_row_of_a_batch_equals_itself_alone(model, processor):
    texts = ["red", "blue", "green", "a cat"]
    inputs = processor(images=PICTURES, text=texts)
    assert inputs["image_sizes"].tolist() == [
        [[24, 48], [0, 0]],
        [[0, 0], [0, 0]],
        [[60, 24], [24, 24]],
        [[60, 24], [0, 0]],
    ]
    together = encoded(model, inputs)
    for row, (picture, text) in enumerate(zip(PICTURES, texts, strict=True)):
        alone = encoded(model, processor(images=[picture], text=[text]))
        assert torch.allclose(together[row, : alone.shape[1]], alone[0], atol=1e-5)


def test_padding_is_not_looked_at(model, processor):
    inputs = processor(images=[WIDE, TALL], text=["red", "blue"])
    expected = encoded(model, inputs)
    assert torch.equal(inputs["pixel_values"][1, :, :, 24:], torch.zeros(3, 60, 24))
    inputs["pixel_values"][1, :, :, 24:] = 7.0
    assert torch.equal(encoded(model, inputs), expected)


def test_rows_without_picture_are_the_same_in_any_part_of_a_batch(make_model, processor):
    model = make_model(vision_config=TOWERS["resnet"](), missing_image="zeros")
    inputs = processor(images=[WIDE, TALL, None, None], text=["red", "blue", "green", "a cat"])
    whole, part = encoded(model, inputs), encoded(model, {name: tensor[2:] for name, tensor in inputs.items()})
    assert torch.allclose(whole[2:], part, atol=1e-5)


def test_cached_features_have_no_padding_either(make_model, tiny_tokenizer, tmp_path):
    padding = DetrImageProcessorPil(
        size={"shortest_edge": 24, "longest_edge": 64}, pad_size={"height": 64, "width": 64}
    )
    model, processor = make_model(vision_config=TOWERS["resnet"]()), MMCoTProcessor(padding, tiny_tokenizer)
    table = datasets.Dataset.from_dict({"image": [WIDE]}, datasets.Features(image=datasets.Image()))
    cache = FeatureCache.open(model, processor, tmp_path)
    cache.fill(table, progress=False)
    pixels = processor.encode_images([WIDE])
    seen = model.get_image_features(pixels["pixel_values"], pixels["image_sizes"]).pooler_output[0]
    assert torch.allclose(cache[image_hashes(table)[0][0]], seen, atol=1e-5)


def test_pictures_of_one_size_need_no_sizes(processor):
    assert "image_sizes" not in processor(images=[WIDE, None, WIDE], text=["red", "blue", "green"])


def test_features_are_those_of_the_picture_alone(model, processor):
    encoded_pictures = processor.encode_images([WIDE, TALL])
    pixels, sizes = encoded_pictures["pixel_values"], encoded_pictures["image_sizes"]
    together = model.get_image_features(pixels, sizes).pooler_output
    for row, picture in enumerate((WIDE, TALL)):
        alone = model.get_image_features(processor.encode_images([picture])["pixel_values"]).pooler_output[0]
        assert torch.allclose(together[row, : len(alone)], alone, atol=1e-5)


def test_pictures_of_several_sizes_have_no_common_layers(model, processor):
    encoded = processor.encode_images([WIDE, TALL])
    with pytest.raises(ValueError, match="several sizes have no common hidden_states"):
        model.get_image_features(encoded["pixel_values"], encoded["image_sizes"], output_hidden_states=True)


def test_answers_do_not_depend_on_the_batch(model, processor):
    pipe = MMCoTPipeline(model=model, processor=processor)
    rows = [{"question": "Which colour?", "choices": ["red", "blue"], "image": image} for image in PICTURES]
    alone = [pipe(row, max_new_tokens=6) for row in rows]
    for answer, expected in zip(pipe(rows, batch_size=4, max_new_tokens=6), alone, strict=True):
        assert answer.pop("scores") == pytest.approx(expected.pop("scores"), abs=1e-5)
        assert answer == expected
