"""A saved folder works where `mmcot` is not installed: real processes in which importing it fails."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import ViTImageProcessorPil

import mmcot
from mmcot import MMCoTPipeline, MMCoTProcessor

from ..remote_process import run_without_mmcot


SOURCES = Path(mmcot.__file__).parent / "modeling_mmcot"
# All but the converter, which no model needs.
SHIPPED = {path.name for path in SOURCES.glob("*_mmcot.py")} - {"conversion_mmcot.py"}
STAGES = {"rationale": ".", "answer": "answer"}
QUESTION = {"question": "Which colour has the ball?", "choices": ["green", "red", "blue"], "hint": "Look at the ball."}

LOAD_AND_SAVE_AGAIN = """
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoModelForMultimodalLM
from transformers import AutoModelForSeq2SeqLM, AutoProcessor

folder = task["folder"]
config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
result["config"] = [type(config).__name__, config.model_type, config.stages]
processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
result["processor"] = [type(processor).__name__, processor.newline, processor.max_length]
prompt = processor.build_prompt(question, "rationale")
inputs = processor(images=[question["image"]], text=[prompt])
result["ids"] = {}
for auto in (AutoModel, AutoModelForImageTextToText, AutoModelForMultimodalLM, AutoModelForSeq2SeqLM):
    model = auto.from_pretrained(folder, trust_remote_code=True)
    assert type(model).__module__.startswith("transformers_modules."), type(model).__module__
    result["ids"][auto.__name__] = model.generate(**inputs, max_new_tokens=8).tolist()
second = AutoModelForSeq2SeqLM.from_pretrained(folder, subfolder="answer", trust_remote_code=True)
result["ids"]["answer"] = second.generate(**inputs, max_new_tokens=8).tolist()
result["named"] = ask(folder, "multimodal-cot")
result["unnamed"] = ask(folder)
explanation = pipeline(model=folder, trust_remote_code=True)(question, explain=True, max_new_tokens=8)["explanation"]
explanation.save(task["figure"])
result["maps"] = [heat.tolist() for heat in explanation.maps]

pipeline("multimodal-cot", model=folder, trust_remote_code=True).save_pretrained(task["again"])
model.save_pretrained(task["parts"])
processor.save_pretrained(task["parts"])
second.save_pretrained(task["parts"] + "/answer")
"""

LOAD_FOLDERS = """
result["answers"] = {folder: ask(folder, "multimodal-cot") for folder in task["folders"]}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Function of code and a task for [`run_without_mmcot`]."""
    return lambda code, **task: run_without_mmcot(code, tmp_path_factory.mktemp("elsewhere"), **task)


@pytest.fixture(scope="module")
def here(tmp_path_factory, make_model, tiny_tokenizer):
    """A folder saved by the pipeline, one saved in parts, and what the pipeline says in this process."""
    folder = tmp_path_factory.mktemp("repository")
    image_processor = ViTImageProcessorPil(size={"height": 16, "width": 16})
    processor = MMCoTProcessor(image_processor, tiny_tokenizer, newline="official", max_length=99)
    models = [make_model(seed=seed, stages=STAGES) for seed in (1, 2)]
    pipe = MMCoTPipeline(model=models[0], answer_model=models[1], processor=processor)
    pipe.save_pretrained(folder / "saved")
    joint = make_model(seed=3)
    joint.save_pretrained(folder / "joint")
    processor.save_pretrained(folder / "joint")
    Image.new("RGB", (20, 30), "red").save(folder / "picture.png")
    question = QUESTION | {"image": Image.open(folder / "picture.png")}
    inputs = processor(images=[question["image"]], text=[processor.build_prompt(question, "rationale")])
    return {
        "folder": folder,
        "ids": [model.generate(**inputs, max_new_tokens=8).tolist() for model in models],
        "answer": pipe(question, max_new_tokens=8),
        "joint": MMCoTPipeline(model=joint, processor=processor)(question, max_new_tokens=8),
    }


@pytest.fixture(scope="module")
def there(run, here):
    """What the first process without `mmcot` found in the folder, and saved again from it."""
    folder = here["folder"]
    return run(
        LOAD_AND_SAVE_AGAIN,
        question=QUESTION,
        picture=str(folder / "picture.png"),
        folder=str(folder / "saved"),
        again=str(folder / "again"),
        figure=str(folder / "figure.png"),
        parts=str(folder / "parts"),
    )


@pytest.fixture(scope="module")
def there_again(run, here, there):
    """Answers of the folders that the first process saved, and of one saved here without a pipeline."""
    folder = here["folder"]
    folders = [str(folder / name) for name in ("again", "parts", "joint")]
    answers = run(LOAD_FOLDERS, question=QUESTION, picture=str(folder / "picture.png"), folders=folders)["answers"]
    return dict(zip(("again", "parts", "joint"), (answers[name] for name in folders), strict=True))


def test_the_two_models_differ(here):
    assert here["ids"][0] != here["ids"][1]


@pytest.mark.parametrize("name", ["saved", "saved/answer", "joint"])
def test_saved_folder_is_a_repository_of_code_and_safetensors(name, here):
    folder = here["folder"] / name
    files = {path.name for path in folder.iterdir() if path.is_file()}
    assert files >= SHIPPED
    assert {file for file in files if file.endswith(".py")} == SHIPPED
    words = set() if name == "saved/answer" else {"README.md", "chat_template.jinja"}
    assert {file for file in files if not file.endswith((".py", ".json"))} == {"model.safetensors"} | words
    config = json.loads((folder / "config.json").read_text())
    assert config["custom_pipelines"]["multimodal-cot"]["impl"] == "pipeline_mmcot.MMCoTPipeline"
    for auto in ("AutoConfig", "AutoModel", "AutoModelForSeq2SeqLM", "AutoModelForImageTextToText", "AutoProcessor"):
        module, name = config["auto_map"][auto].split(".")
        assert f"class {name}(" in (folder / f"{module}.py").read_text()


@pytest.mark.slow
def test_configuration_and_processor_load_with_their_settings(there):
    assert there["config"] == ["MMCoTConfig", "mmcot", STAGES]
    assert there["processor"] == ["MMCoTProcessor", "official", 99]


@pytest.mark.slow
@pytest.mark.parametrize(
    "auto", ["AutoModel", "AutoModelForSeq2SeqLM", "AutoModelForImageTextToText", "AutoModelForMultimodalLM"]
)
def test_first_model_writes_the_same_tokens(auto, here, there):
    assert there["ids"][auto] == here["ids"][0]


@pytest.mark.slow
def test_model_of_the_subfolder_writes_the_same_tokens(here, there):
    assert there["ids"]["answer"] == here["ids"][1]


def rounded(answer):
    """An answer whose scores may differ in the last digit from process to process."""
    return answer | {"scores": [round(score, 3) for score in answer["scores"]]}


@pytest.mark.slow
@pytest.mark.parametrize("call", ["named", "unnamed"])
def test_pipeline_answers_the_same_with_and_without_the_name_of_its_task(call, here, there):
    assert rounded(there[call]) == rounded(here["answer"])


@pytest.mark.slow
def test_explanation_is_computed_and_drawn(here, there):
    assert np.array(there["maps"]).shape == (1, 8, 5)
    with Image.open(here["folder"] / "figure.png") as figure:
        assert figure.width > 1000


@pytest.mark.slow
@pytest.mark.parametrize("name", ["again", "again/answer", "parts", "parts/answer"])
def test_folder_saved_there_is_a_repository_too(name, here, there):
    original, saved = here["folder"] / "saved", here["folder"] / name
    for file in SHIPPED:
        assert (saved / file).read_bytes() == (original / file).read_bytes() == (SOURCES / file).read_bytes()
    assert not list(saved.glob("*.bin")) + list(saved.glob("*.pt"))


@pytest.mark.slow
def test_every_folder_answers_the_same_in_a_further_process(here, there_again):
    expected = {"again": here["answer"], "parts": here["answer"], "joint": here["joint"]}
    assert {name: rounded(answer) for name, answer in there_again.items()} == {
        name: rounded(answer) for name, answer in expected.items()
    }


@pytest.mark.slow
def test_weights_saved_there_are_the_same(here, there):
    for name in (".", "answer"):
        original, saved = (
            load_file(here["folder"] / kind / name / "model.safetensors") for kind in ("saved", "again")
        )
        assert original.keys() == saved.keys()
        assert all(torch.equal(saved[key], original[key]) for key in original)
