"""A Space runs as it is: the page and the model, without this package."""

import importlib.metadata
import subprocess
import sys
from importlib.util import find_spec

import pytest
import yaml

from mmcot.cli.main import main

from ..remote_process import WITHOUT_MMCOT


pytestmark = pytest.mark.skipif(
    find_spec("gradio") is None, reason="a Space is pinned to the version that is installed"
)

# Builds the page as `app.py` does, asks on it, and does not serve it.
RUN = f"""{WITHOUT_MMCOT}
sys.path.insert(0, ".")
import gradio

def ask(page, **settings):
    (tool,) = [function.fn for function in page.fns.values() if function.api_name == "ask"]
    print(tool("Which?", ["red", "blue"])["rationale"])

gradio.Blocks.launch = ask
exec(open("app.py").read())
"""


@pytest.fixture
def folder(tmp_path, tiny_processor, make_two_stages):
    pipe = make_two_stages(tiny_processor)
    for model in (pipe.model, pipe.answer_model):
        model.generation_config.max_new_tokens = 8
    pipe.save_pretrained(tmp_path / "model")
    rationale = pipe({"question": "Which?", "choices": ["red", "blue"]})["rationale"]
    return tmp_path / "model", rationale


def test_space_is_pinned_and_complete(folder, tmp_path):
    (folder[0] / "pipeline_mmcot.py").write_text(
        "# of an older version\n" + (folder[0] / "pipeline_mmcot.py").read_text()
    )
    (folder[0] / "notes.md").write_text("private")
    assert main(["export", str(folder[0]), str(tmp_path / "space"), "--format", "space"]) == 0
    space = tmp_path / "space"
    requirements = (space / "requirements.txt").read_text().splitlines()
    assert all("==" in line for line in requirements)
    assert f"gradio[mcp]=={importlib.metadata.version('gradio')}" in requirements
    _, settings, _ = (space / "README.md").read_text().split("---\n")
    assert yaml.safe_load(settings)["app_file"] == "app.py"
    assert "older version" not in (space / "model" / "pipeline_mmcot.py").read_text()
    assert not list(space.rglob("notes.md"))
    assert (space / "model" / "answer" / "model.safetensors").is_file()


@pytest.mark.slow
def test_space_answers_without_this_package(folder, tmp_path, monkeypatch):
    path, rationale = folder
    main(["export", str(path), str(tmp_path / "space"), "--format", "space"])
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    done = subprocess.run([sys.executable, "-I", "-c", RUN], cwd=tmp_path / "space", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == rationale
