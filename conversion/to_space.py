"""A trained folder as a Space of the Hub: the web page of `mmcot demo`, with the model in it."""

import shutil
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import yaml

from ..configuration.repository import Repository
from ..hub_card.contents import check_repository, published_files


PAGE = Path(__file__).parents[1] / "demo"
CODE = Path(__file__).parents[1] / "modeling_mmcot"
LIBRARIES = ("torch", "transformers", "huggingface-hub", "pillow", "numpy", "safetensors")
APP = '''"""The page of the model beside it, with the model's own code; made by `mmcot export --format space`."""

from transformers import pipeline

from demo.about import read_about
from demo.page import build_page, launch_page


pipe = pipeline("multimodal-cot", model="model", trust_remote_code=True)
launch_page(build_page(pipe, read_about("model")), mcp=True)
'''


def write(repository: Repository, output: Path, say: Callable[[str], None]) -> None:
    """Writes a folder that runs as it is: app, page, model, and the versions of all libraries.

    Args:
        repository: trained folder, whole.
        output: folder that does not exist yet or is empty.
        say: told how to publish it.

    Raises:
        ValueError: for a folder that would not load.
        ImportError: where gradio is not installed, whose version the Space is to have.
    """
    check_repository(repository.folder)
    pinned = {name: installed(name) for name in LIBRARIES}
    gradio = installed("gradio")
    if repository.has_adapters:
        pinned["peft"] = installed("peft")
    for name in published_files(repository):
        target = output / "model" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(repository.folder / name, target)
    # Of this version: a folder's own code may be older than what the page asks of it.
    for model in repository.model_folders:
        for path in CODE.glob("*_mmcot.py"):
            shutil.copyfile(path, output / "model" / model / path.name)
    (output / "demo").mkdir()
    for path in [*PAGE.glob("*.py"), *PAGE.glob("*.css")]:
        shutil.copyfile(path, output / "demo" / path.name)
    requirements = [f"gradio[mcp]=={gradio}", *(f"{name}=={number}" for name, number in pinned.items())]
    (output / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    (output / "app.py").write_text(APP, encoding="utf-8")
    (output / "README.md").write_text(front_page(repository.folder.resolve().name, gradio), encoding="utf-8")
    say(f"Try it: cd {output} && python app.py")
    say(
        f"Publish it: hf upload --repo-type space NAME {output} (after: hf repo create NAME --type space --sdk gradio)"
    )


def installed(name: str) -> str:
    """The public part of a library's version here."""
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        raise ImportError(
            f"A Space needs the version of {name}, which is not installed: pip install 'gradio[mcp]'"
        ) from None


def front_page(name: str, gradio: str) -> str:
    """The README of the Space, with the settings that the Hub reads."""
    settings = {
        "title": f"{name}: look, explain, answer",
        "sdk": "gradio",
        "sdk_version": gradio,
        "app_file": "app.py",
        "tags": ["mmcot", "multimodal-cot"],
    }
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\nA model that looks at a picture, writes down its reasoning, then answers.\n"
