"""`mmcot info`: what a repository is said to hold is what it holds."""

import json
import shutil

import pytest
from huggingface_hub import parse_local_safetensors_file_metadata
from peft import LoraConfig, get_peft_model

from mmcot import MMCoTPipeline
from mmcot.hub_card import info
from mmcot.hub_card.info import describe


def lines_of(text):
    """Headings and what stands behind each."""
    return dict(line.split("  ", 1) for line in text.splitlines())


def told(folder):
    return {heading: text.strip() for heading, text in lines_of(describe(folder)).items()}


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
    assert lines["card"] == "none"
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


def test_hub_repository_is_read_without_its_weights(two_stages, monkeypatch, tmp_path):
    folder, _ = two_stages
    shutil.copytree(folder, tmp_path / "snapshot", ignore=shutil.ignore_patterns("*.safetensors"))
    asked = []

    def download(name, allow_patterns):
        asked.extend(allow_patterns)
        return str(tmp_path / "snapshot")

    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    monkeypatch.setattr(info, "snapshot_download", download)
    monkeypatch.setattr(info.HfApi, "list_repo_files", lambda self, name: files)
    monkeypatch.setattr(
        info,
        "parse_safetensors_file_metadata",
        lambda name, file: parse_local_safetensors_file_metadata(folder / file),
    )
    there, here = told("org/name"), told(folder)
    assert there.pop("repository") == "org/name"
    del here["repository"]
    assert there == here
    assert not any("safetensors" in pattern for pattern in asked)


def test_what_is_no_repository(tmp_path):
    with pytest.raises(ValueError, match=r"config\.json is missing"):
        describe(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(ValueError, match=r"that of a 't5' model"):
        describe(tmp_path)
    with pytest.raises(ValueError, match="There is no folder"):
        describe(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no such repository on the Hub"):
        describe("no/name/of/the/hub")
