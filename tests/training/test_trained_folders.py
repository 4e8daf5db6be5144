"""Whatever a training leaves is a repository: it loads where `mmcot` is not installed, and writes the same there."""

import json

import pytest
import torch
from PIL import Image

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from mmcot.data import load_splits
from mmcot.training.trainer import MMCoTTrainer
from mmcot.training.two_stage import run_recipe

from ..remote_process import run_without_mmcot
from ..ways import FROZEN, LORA, QUESTION


pytestmark = pytest.mark.slow

WAYS = {
    "both": (),
    "joint": ("--stages", "joint"),
    "adapters": (*LORA, *FROZEN),
    "joint_adapter": (*LORA, *FROZEN, "--stages", "joint"),
}
LOAD = """
import torch
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoModelForMultimodalLM
from transformers import AutoModelForSeq2SeqLM, AutoProcessor

def load(auto, folder, **options):
    return auto.from_pretrained(folder, trust_remote_code=True, **options)

for name, folder in task["folders"].items():
    stages = load(AutoConfig, folder).stages
    processor = load(AutoProcessor, folder)
    found = result[name] = {"stages": stages, "answers": [ask(folder, "multimodal-cot"), ask(folder)], "ids": {}}
    for auto in (AutoModel, AutoModelForSeq2SeqLM, AutoModelForImageTextToText, AutoModelForMultimodalLM):
        model = load(auto, folder)
        assert type(model).__module__.startswith("transformers_modules."), type(model).__module__
    for stage, place in stages.items():
        if "." in stages.values():
            model = load(AutoModel, folder, **({} if place == "." else {"subfolder": place}))
        elif place not in getattr(model, "peft_config", {}):
            model.load_adapter(f"{folder}/{place}", adapter_name=place)
        if "." not in stages.values():
            model.set_adapter(place)
        images = [question["image"]] if model.config.image_feature_size else None
        inputs = processor(images=images, text=[processor.build_prompt(question, stage)])
        found["ids"][stage] = model.generate(**inputs, max_new_tokens=8).tolist()
"""


@pytest.fixture(scope="module")
def folders(tiny_recipe, tmp_path_factory):
    """What each way of training leaves, and what the Trainer leaves in the middle of one."""
    root = tmp_path_factory.mktemp("trained")
    for name, overrides in WAYS.items():
        run_recipe(tiny_recipe(root / name, *overrides), print)
    return {name: root / name for name in WAYS} | {"checkpoint": checkpoint(tiny_recipe, root)}


def checkpoint(tiny_recipe, root):
    """A folder that the Trainer saved before the last step."""
    arguments = tiny_recipe(root / "unfinished", "--rationale.save_steps", "2").training["rationale"]
    processor = MMCoTProcessor.from_pretrained(root / "joint")
    model = MMCoTForConditionalGeneration.from_pretrained(root / "joint")
    splits = load_splits("sketchqa:train=32,validation=4,test=1,size=32")
    trainer = MMCoTTrainer(model, arguments, ["rationale"], processor, splits["train"], splits["validation"])
    trainer.args.save_total_limit = None
    trainer.train()
    return root / "unfinished" / "run" / "checkpoints" / "rationale" / "checkpoint-2"


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.new("RGB", (40, 30), "orange").save(path)
    return path


@pytest.fixture(scope="module")
def there(folders, picture, tmp_path_factory):
    """What a process without `mmcot` makes of them."""
    places = {name: str(folder) for name, folder in folders.items()}
    return run_without_mmcot(
        LOAD, tmp_path_factory.mktemp("elsewhere"), question=QUESTION, picture=str(picture), folders=places
    )


@pytest.mark.parametrize("name", [*WAYS, "checkpoint"])
def test_folder_writes_the_same_where_mmcot_is_not_installed(name, folders, picture, there):
    processor = MMCoTProcessor.from_pretrained(folders[name])
    pipe = MMCoTPipeline(model=MMCoTForConditionalGeneration.from_pretrained(folders[name]), processor=processor)
    expected, found = pipe(QUESTION | {"image": Image.open(picture)}, max_new_tokens=8), there[name]
    for answer in found["answers"]:
        assert answer.pop("scores") == pytest.approx(expected["scores"], abs=1e-3)
        assert answer == {key: value for key, value in expected.items() if key != "scores"}
    assert found["stages"] == json.loads((folders[name] / "config.json").read_text())["stages"]
    for stage, model in pipe.stages.items():
        images = [Image.open(picture)] if model.config.image_feature_size else None
        inputs = processor(images=images, text=[processor.build_prompt(QUESTION, stage)])
        with torch.no_grad():
            assert model.generate(**inputs, max_new_tokens=8).tolist() == found["ids"][stage]
