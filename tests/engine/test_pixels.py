"""Pixels are those of the image processors; one that does something else is refused."""

import numpy as np
import pytest
from PIL import Image
from transformers import (
    BitImageProcessorPil,
    CLIPImageProcessorPil,
    ConvNextImageProcessorPil,
    DeiTImageProcessorPil,
    SiglipImageProcessorPil,
    ViTImageProcessorPil,
)

from mmcot.engine.pixels import PixelReader, require_known_processor


PROCESSORS = {
    "vit": ViTImageProcessorPil(size={"height": 24, "width": 32}),
    "plain vit": ViTImageProcessorPil(do_resize=False, do_normalize=False),
    "raw vit": ViTImageProcessorPil(do_resize=False, do_rescale=False, image_mean=0.5, image_std=2.0),
    "deit": DeiTImageProcessorPil(size={"height": 40, "width": 40}, crop_size={"height": 31, "width": 30}),
    "clip": CLIPImageProcessorPil(size={"shortest_edge": 24}, crop_size={"height": 24, "width": 24}),
    "small clip": CLIPImageProcessorPil(size={"shortest_edge": 15}, crop_size={"height": 24, "width": 21}),
    "siglip": SiglipImageProcessorPil(size={"height": 24, "width": 24}),
    "dinov2": BitImageProcessorPil(size={"shortest_edge": 26}, crop_size={"height": 22, "width": 22}),
}


@pytest.fixture(scope="module")
def pictures():
    noise = np.random.default_rng(0).integers(0, 256, (57, 91, 3), dtype=np.uint8)
    wide = Image.fromarray(noise)
    return [wide, wide.rotate(90, expand=True), wide.resize((24, 24)), wide.resize((7, 300))]


@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_of_processors(name, pictures):
    processor = PROCESSORS[name]
    read = PixelReader(type(processor).__name__, processor.to_dict())
    for picture in pictures:
        expected = processor([picture], return_tensors="np")["pixel_values"][0]
        pixels = read(picture)
        assert pixels.dtype == np.float32
        assert pixels.shape == expected.shape
        assert np.abs(pixels - expected).max() <= 1e-5


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (ConvNextImageProcessorPil(), "Pictures of a ConvNextImageProcessorPil are not read without torch, only"),
        (ViTImageProcessorPil(do_pad=True), "has do_pad=True, which is not done without torch"),
        (CLIPImageProcessorPil(size={"shortest_edge": 9, "longest_edge": 20}), "has size=.*which is not done here"),
        (ViTImageProcessorPil(do_reduce_labels=True), "has do_reduce_labels=True"),
    ],
    ids=["convnext", "padding", "two edges", "unknown"],
)
def test_others_are_refused(processor, message):
    with pytest.raises(ValueError, match=message):
        require_known_processor(type(processor).__name__, processor.to_dict())
