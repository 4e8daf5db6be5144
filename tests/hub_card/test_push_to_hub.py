"""`push_to_hub: true`: a training that publishes what it made."""

import json

import pytest
import yaml
from huggingface_hub import HfApi
from transformers import pipeline

from mmcot.data import load_splits
from mmcot.hub_card.contents import planned_files
from mmcot.training.trainer import MMCoTTrainer
from mmcot.training.two_stage import run_recipe

from ..hub.repository import HubError


REPO = "org/tiny"
PUSH = ("--training.push_to_hub", "true", "--training.hub_model_id", REPO)
QUESTION = {"question": "What is in the jar?", "choices": ["gas", "solid"], "context": "Look."}


@pytest.mark.parametrize("exists", [True, False])
def test_refusal_comes_before_the_training(exists, tiny_recipe, hub, logged_in, tmp_path):
    if exists:
        HfApi().create_repo(REPO)
    logged_in("hf_reader")
    with pytest.raises(OSError, match=f"may not write to {REPO}"):
        run_recipe(tiny_recipe(tmp_path / "run", *PUSH), print)
    assert not (tmp_path / "run" / "config.json").exists()


def test_trainer_publishes_its_model(tiny_model, tiny_processor, tiny_recipe, hub, logged_in, tmp_path):
    splits = load_splits("sketchqa:train=2,validation=1,test=1,size=32")
    arguments = tiny_recipe(tmp_path / "tiny").training["rationale"]
    arguments.push_to_hub, arguments.hub_model_id = True, REPO
    trainer = MMCoTTrainer(tiny_model, arguments, ["rationale"], tiny_processor, splits["train"], splits["validation"])
    trainer.push_to_hub()
    there = hub.files(REPO)
    assert {"README.md", "config.json", "model.safetensors", "modeling_mmcot.py", "tokenizer.json"} <= there.keys()
    for name, content in there.items():
        (tmp_path / name).write_bytes(content)
    answer = pipeline("multimodal-cot", model=str(tmp_path), trust_remote_code=True)(QUESTION, max_new_tokens=4)
    assert isinstance(answer["rationale"], str)


@pytest.mark.slow
def test_run_is_published_when_it_is_complete_and_once(tiny_recipe, hub, logged_in, tmp_path):
    said = []
    recipe = tiny_recipe(tmp_path / "run", *PUSH, "--training.hub_private_repo", "true")
    preupload = f"/api/models/{REPO}/preupload"
    hub.refusals[preupload] = HubError(503, None, "Too busy")
    with pytest.raises(OSError, match="Too busy"):
        run_recipe(recipe, said.append)
    del hub.refusals[preupload]
    trained = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    for _ in range(2):
        run_recipe(recipe, said.append)
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == trained
    assert hub.repositories[REPO].private
    assert hub.files(REPO).keys() == {".gitattributes", *dict(planned_files(tmp_path / "run"))}
    (commit,) = (entry for entry in HfApi().list_repo_commits(REPO) if entry.title == "Publish run")
    assert [text for text in said if "Published" in text] == [
        f"Published at {hub.url}/{REPO}, commit {commit.commit_id}."
    ]
    settings = yaml.safe_load(hub.files(REPO)["recipe.yaml"])
    assert settings["output_dir"] == "run"
    assert not any(str(tmp_path).encode() in content for content in hub.files(REPO).values())
    assert json.loads(hub.files(REPO)["config.json"])["stages"] == {"rationale": ".", "answer": "answer"}


@pytest.mark.slow
def test_place_on_the_hub_may_change_after_the_training(tiny_recipe, hub, logged_in, tmp_path):
    run_recipe(tiny_recipe(tmp_path / "run"), print)
    trained = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    for name in (REPO, "org/other"):
        run_recipe(tiny_recipe(tmp_path / "run", *PUSH[:3], name), print)
        assert "model.safetensors" in hub.files(name)
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == trained
