"""Names that lead nowhere: said at once, with what was looked for and the nearest name there is."""

import socket

import pytest
from huggingface_hub import HfApi, constants

from mmcot.cli.main import main
from mmcot.configuration import places
from mmcot.configuration.places import find_dataset, find_model


MISTYPED = "runs/quikstart"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with the trained folder `runs/quickstart`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "quickstart").mkdir(parents=True)


@pytest.fixture
def offline(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.mark.parametrize("name", ["runs/quickstart", "./runs/quickstart"])
def test_existing_folder_is_itself(name, folder):
    assert find_model(name) == name


def test_home_is_a_place(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find_model("~/runs/quickstart") == f"{tmp_path}/runs/quickstart"


@pytest.mark.parametrize("name", [MISTYPED, f"./{MISTYPED}", f"{MISTYPED}/"])
def test_mistyped_folder_is_answered_with_the_nearest_one(name, folder, offline):
    with pytest.raises(ValueError, match=r"There is no folder .*quikstart.* \(did you mean runs/quickstart\?\)"):
        find_model(name)


def test_file_is_no_model(folder, tmp_path):
    (tmp_path / "model.zip").touch()
    with pytest.raises(ValueError, match=r"model.zip is a file; give the folder"):
        find_model("model.zip")


def test_offline_names_the_variable(offline):
    with pytest.raises(ValueError, match="There is no folder org/name, and HF_HUB_OFFLINE is set"):
        find_model("org/name")


def test_hub_out_of_reach_is_named(monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="the Hub at http://127.0.0.1:9 cannot be reached"):
        find_model("org/name")


def test_silent_hub_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(places, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ValueError, match="did not answer within 0.2 seconds|cannot be reached"):
            find_model("org/name")


def test_hub_is_asked_for_what_is_not_here(hub, logged_in):
    with pytest.raises(ValueError, match="the Hub has no model org/name that you may read"):
        find_model("org/name")
    HfApi(hub.url, token="hf_owner").create_repo("org/name")
    assert find_model("org/name") == "org/name"
    with pytest.raises(ValueError, match="no such revision"):
        find_model("org/name", "nowhere")


def test_folder_has_no_revisions(folder):
    with pytest.raises(ValueError, match="runs/quickstart is here and has no revisions.*leave out 'v1'"):
        find_model("runs/quickstart", "v1")


@pytest.mark.parametrize(
    "words",
    [
        ["ask", "--question", "q", "--choices", "a", "b", "--model"],
        ["predict", "--dataset", "sketchqa", "--output", "p.jsonl", "--model"],
        ["evaluate", "--dataset", "sketchqa", "--output", "report", "--model"],
        ["info"],
    ],
    ids=" ".join,
)
def test_every_verb_that_takes_a_model_takes_its_revision(words, hub, logged_in, capsys):
    HfApi(hub.url, token="hf_owner").create_repo("org/name")
    assert main([*words, "org/name", "--revision", "nowhere"]) == 1
    assert "the model org/name of the Hub has no such revision" in capsys.readouterr().err


def test_revision_without_a_model_is_refused(capsys):
    words = ["evaluate", "--predictions", "p.jsonl", "--dataset", "sketchqa", "--output", "report"]
    assert main([*words, "--revision", "v1"]) == 1
    assert "--revision is one of --model" in capsys.readouterr().err


@pytest.mark.parametrize("spec", ["sketchqa:train=1", "data/problems.json"])
def test_what_can_be_no_id_of_the_hub_is_left_to_the_reader(spec, offline):
    find_dataset(spec)


@pytest.mark.parametrize(
    "words",
    [
        ["ask", "--model", MISTYPED, "--question", "q", "--choices", "a", "b"],
        ["predict", "--model", MISTYPED, "--dataset", "sketchqa", "--output", "p.jsonl"],
        ["predict", "--model", "runs/quickstart", "--dataset", MISTYPED, "--output", "p.jsonl"],
        ["evaluate", "--model", MISTYPED, "--dataset", "sketchqa", "--output", "report"],
        ["evaluate", "--predictions", "p.jsonl", "--dataset", MISTYPED, "--output", "report"],
        ["info", MISTYPED],
        ["convert", "runs/quickstart", "converted", "--vision-model", MISTYPED],
        ["train", "recipe.yaml", "--model.from", MISTYPED],
        ["train", "recipe.yaml", "--model.text_model", MISTYPED],
        ["train", "recipe.yaml", "--model.vision_model", MISTYPED],
        ["features", "recipe.yaml", "--model.tokenizer", MISTYPED],
        ["train", "recipe.yaml", "--dataset", MISTYPED],
    ],
    ids=" ".join,
)
def test_every_verb_looks_first(words, folder, offline, tmp_path, capsys):
    (tmp_path / "recipe.yaml").write_text(
        "output_dir: run\ndataset: sketchqa\nmodel: {text_model: runs/quickstart}\n", encoding="utf-8"
    )
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"mmcot: There is no folder {MISTYPED} (did you mean runs/quickstart?)")
    assert error.count("\n") == 1


def test_convert_notices_an_absent_zip_before_it_asks_the_hub(hub, logged_in, capsys):
    assert main(["convert", "nowhere.zip", "converted", "--vision-model", "org/name"]) == 1
    assert capsys.readouterr().err == "mmcot: nowhere.zip: there is no such file or folder.\n"
    assert not hub.requests
