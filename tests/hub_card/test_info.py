"""`mmcot info`: what a repository is said to hold is what it holds."""

import json

import pytest
from huggingface_hub import constants
from peft import LoraConfig, get_peft_model

from mmcot import MMCoTPipeline
from mmcot.hub_card.info import describe
from mmcot.hub_card.publish import publish


def lines_of(text):
    """Headings and what stands behind each."""
    return dict(line.split("  ", 1) for line in text.splitlines())


def told(folder, revision=None):
    return {heading: text.strip() for heading, text in lines_of(describe(folder, revision)).items()}


@pytest.fixture
def two_stages(make_model, tiny_processor, tmp_path):
    """A repository of two whole models, and the number of their parameters."""
    models = [make_model(seed=seed, stages={"rationale": ".", "answer": "answer"}) for seed in (1, 2)]
    MMCoTPipeline(model=models[0], answer_model=models[1], processor=tiny_processor).save_pretrained(tmp_path / "run")
    return tmp_path / "run", 2 * models[0].num_parameters()


def test_two_whole_models(two_stages):
    folder, parameters = two_stages
    lines = told(folder)
    assert lines["stages"] == "rationale in ., answer in answer: a whole model each"
    assert lines["language model"] == "t5, 2 + 2 layers, width 32, vocabulary 128"
    assert lines["vision"] == "vit, 24 numbers per patch, frozen"
    assert lines["parameters"] == f"{parameters:,}, stored as F32"
    assert lines["memory"].startswith(f"{4 * parameters / 1e6:,.1f} MB in float32")
    assert lines["accuracy"] == "not measured"
    assert lines["card"] == "pipeline_tag image-text-to-text"
    assert "equals that of mmcot" in lines["code"]
    assert lines["code"].endswith("config.json fits it")


def test_parameters_of_each_part(two_stages, make_model):
    model = make_model()
    parts = {"language model": model.language_model, "vision tower": model.vision_tower, "fusion": model.fusion}
    counts = {name: sum(each.numel() for each in part.parameters()) for name, part in parts.items()}
    for heading in ("parameters in .", "parameters in answer"):
        shown = dict(part.rsplit(" ", 1) for part in told(two_stages[0])[heading].split(", "))
        assert {name: int(count.replace(",", "")) for name, count in shown.items()} == counts


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        ({"rationale": ".", "answer": "."}, "joint, one model for both"),
        ({"direct": "."}, "direct in .: one stage, one model"),
        ({"rationale": ".", "answer": "answer"}, "answer in answer (not there)"),
    ],
)
def test_other_layouts(make_model, tmp_path, stages, words):
    make_model(stages=stages, vision_config=None).save_pretrained(tmp_path)
    lines = told(tmp_path)
    assert words in lines["stages"]
    assert lines["vision"] == "no tower; reads image_features (batch, patches, 768)"


def test_adapters(make_model, tmp_path):
    stages = {"rationale": "rationale", "answer": "answer"}
    base = make_model(stages=stages)
    base.save_pretrained(tmp_path)
    adapted = get_peft_model(base, LoraConfig(target_modules=r"language_model\..*\.(q|v)", modules_to_save=["fusion"]))
    for stage in stages:
        adapted.save_pretrained(tmp_path / stage)
    lines = told(tmp_path)
    assert lines["stages"] == "rationale in rationale, answer in answer: adapters on one base"
    trained, _ = adapted.get_nb_trainable_parameters()
    counts = [int(part.rsplit(" ", 1)[1].replace(",", "")) for part in lines["parameters in answer"].split(", ")]
    assert sum(counts) == trained
    assert lines["parameters in answer"].count("adapters") == 1


def test_results_and_card(two_stages):
    folder, _ = two_stages
    scores = {"average": {"value": 85.31, "n": 4241, "low": 84.2, "high": 86.35}}
    (folder / "metrics.json").write_text(json.dumps({"accuracy": scores}))
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nlibrary_name: transformers\n---\n\n# A model\n")
    lines = told(folder)
    assert lines["accuracy"] == "85.3 % (84.2 to 86.3) of 4241 problems"
    assert lines["card"] == "license apache-2.0"


def test_other_code_and_lost_classes_are_named(two_stages):
    folder, _ = two_stages
    changed = folder / "answer" / "modeling_mmcot.py"
    changed.write_text(changed.read_text() + "# mine\n")
    (folder / "processing_mmcot.py").unlink()
    code = told(folder)["code"]
    assert "differs from mmcot" in code
    assert "answer/modeling_mmcot.py;" in code
    assert code.endswith("config.json names processing_mmcot.MMCoTProcessor, not there")


@pytest.fixture
def empty_cache(hub, logged_in, monkeypatch, tmp_path):
    """Nothing of the Hub was used here before."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    address = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)


def test_revision_of_a_hub_repository(two_stages, hub, empty_cache):
    folder, _ = two_stages
    publish(folder, "org/name", revision="trial")
    with pytest.raises(ValueError, match="has no config.json"):
        describe("org/name")
    assert told("org/name", "trial")["parameters"] == told(folder)["parameters"]


def test_hub_repository_is_read_without_its_weights(two_stages, hub, empty_cache, tmp_path):
    folder, _ = two_stages
    publish(folder, "org/name")
    hub.requests.clear()
    of_hub, local = told("org/name"), told(folder)
    assert of_hub.pop("repository") == "org/name"
    del local["repository"]
    assert of_hub == local
    assert not list((tmp_path / "cache").rglob("*.safetensors"))
    of_weights = [path for _, path in hub.requests if "name=" in path and "safetensors" in path]
    assert len(of_weights) == 2
    assert all("bytes=0-" in path for path in of_weights)


def test_what_is_no_repository(tmp_path):
    with pytest.raises(ValueError, match=r"has no config\.json; give the folder"):
        describe(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ValueError, match=r"that of a 't5' model"):
        describe(tmp_path)
    with pytest.raises(ValueError, match="There is no folder"):
        describe(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no folder no/name/of/the/hub; give a folder that exists or a Hub id"):
        describe("no/name/of/the/hub")


def test_name_that_is_nowhere(two_stages, hub, logged_in, monkeypatch):
    monkeypatch.chdir(two_stages[0].parent)
    with pytest.raises(ValueError, match=r"There is no folder ./rum \(did you mean run\?\)") as missing:
        describe("./rum")
    assert "\n" not in str(missing.value)
    with pytest.raises(ValueError, match="no folder org/nothing, and the Hub has no model .*; check the name"):
        describe("org/nothing")
    with pytest.raises(ValueError, match=r"run/config\.json is a file; give the folder of a model"):
        describe("run/config.json")


def test_hub_that_is_not_there(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="no folder org/name, and the Hub at .* cannot be reached .*; check"):
        describe("org/name")
