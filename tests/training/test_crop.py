"""Pictures of which only the middle is seen: a run says so at its start, and how to see them whole."""

import datasets
import pytest
from PIL import Image
from transformers import BitImageProcessorPil, CLIPImageProcessorPil, ViTImageProcessorPil, ViTModel

from mmcot.configuration import ModelArguments
from mmcot.training.crop import describe_crop, kept_share
from mmcot.training.parts import build_image_processor
from mmcot.training.run import open_run
from mmcot.training.run_folder import open_run_folder


DINOV2 = {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}}


@pytest.mark.parametrize(
    ("processor", "width", "height", "share"),
    [
        (BitImageProcessorPil(**DINOV2), 256, 256, (224 / 256) ** 2),
        (BitImageProcessorPil(**DINOV2), 1024, 512, (224 / 256) * (224 / 512)),
        (CLIPImageProcessorPil(), 300, 600, 0.5),
        (CLIPImageProcessorPil(), 300, 300, 1),
        (BitImageProcessorPil(do_resize=False, crop_size={"height": 100, "width": 100}), 200, 50, 0.5),
        (BitImageProcessorPil(size={"height": 100, "width": 100}, crop_size={"height": 50, "width": 100}), 9, 7, 0.5),
    ],
)
def test_share_of_the_area_that_is_kept(processor, width, height, share):
    assert kept_share(processor, width, height) == pytest.approx(share)


@pytest.fixture
def pictures():
    images = [[Image.new("RGB", (256, 256))], [], [Image.new("RGB", (512, 256)), Image.new("RGB", (256, 2560))]]
    return datasets.Dataset.from_dict({"image": images}).cast_column("image", datasets.List(datasets.Image()))


def test_loss_is_said_with_its_remedy(pictures):
    said = describe_crop(BitImageProcessorPil(**DINOV2), pictures)
    assert "of 3 pictures it keeps 41% of the area on average and 8% at worst" in said
    assert said.endswith("set model.image_size: 224.")


def test_whole_pictures_need_no_word(pictures, tmp_path):
    assert describe_crop(ViTImageProcessorPil(), pictures) == ""
    assert describe_crop(CLIPImageProcessorPil(), pictures.select([1])) == ""
    BitImageProcessorPil(**DINOV2).save_pretrained(tmp_path)
    followed = ModelArguments(text_model="t5", vision_model=str(tmp_path), image_size=224)
    assert describe_crop(build_image_processor(followed), pictures) == ""


def test_run_says_it_at_its_start(tiny_config, tiny_recipe, tmp_path):
    tower = tmp_path / "tower"
    ViTModel(tiny_config.vision_config).save_pretrained(tower)
    CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 16, "width": 16}).save_pretrained(tower)
    parts = ["--model.vision_config", "null", "--model.vision_model", str(tower), "--model.image_size"]
    for size, expected in (("null", 1), ("16", 0)):
        said, recipe = [], tiny_recipe(tmp_path / size, *parts, size)
        with open_run_folder(recipe) as folder:
            open_run(recipe, folder, said.append)
        assert sum("keeps 25% of the area on average" in text for text in said) == expected
