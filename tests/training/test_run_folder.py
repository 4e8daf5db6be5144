"""The folder of a run: in one hand, whole or absent, and told in one line where it is neither."""

import errno
import json
import multiprocessing
import os
import time

import pytest
import yaml
from safetensors import SafetensorError

from mmcot.configuration import RecipeError
from mmcot.configuration.plain_files import replace_text
from mmcot.inference.disk import full_disk_named
from mmcot.training.run_folder import open_run_folder


def test_second_run_in_a_folder_is_refused(tiny_recipe, tmp_path):
    recipe = tiny_recipe(tmp_path / "run")
    with open_run_folder(recipe) as folder:
        folder.finish("processor")
        with pytest.raises(ValueError, match=r"Another process is at work in .*run\. Wait until it has ended"):
            open_run_folder(recipe).__enter__()
    with open_run_folder(recipe) as folder:
        assert folder.finished("processor")


def test_kill_lets_go_of_the_folder(tiny_recipe, tmp_path):
    recipe = tiny_recipe(tmp_path / "run")
    processes = multiprocessing.get_context("fork")
    held = processes.Event()
    process = processes.Process(target=hold, args=(recipe, held), daemon=True)
    process.start()
    assert held.wait(60)
    with pytest.raises(ValueError, match="Another process"):
        open_run_folder(recipe).__enter__()
    process.kill()
    process.join()
    with open_run_folder(recipe):
        pass


def hold(recipe, held):
    """Keeps the folder of a run until it is killed."""
    with open_run_folder(recipe):
        held.set()
        time.sleep(60)


def test_moved_folder_is_the_same_run(tiny_recipe, tmp_path):
    with open_run_folder(tiny_recipe(tmp_path / "here")) as folder:
        folder.finish("processor")
    os.rename(tmp_path / "here", tmp_path / "there")
    with open_run_folder(tiny_recipe(tmp_path / "there")) as folder:
        assert folder.finished("processor")
    assert yaml.safe_load((tmp_path / "there" / "recipe.yaml").read_text())["output_dir"] == str(tmp_path / "there")


@pytest.mark.parametrize("content", [b"", b'["processor"', b"\0\0\0\0", b"{}", b"\xff"])
def test_damaged_progress_is_named(tiny_recipe, tmp_path, content):
    with open_run_folder(tiny_recipe(tmp_path / "run")) as folder:
        folder.finish("processor")
        (folder.state / "progress.json").write_bytes(content)
        with pytest.raises(ValueError, match=r"progress\.json is damaged \(.*\); restore it, or remove .*run"):
            folder.finished("processor")


def test_damaged_record_is_named(tiny_recipe, tmp_path):
    with open_run_folder(tiny_recipe(tmp_path / "run")) as folder:
        folder.write_json("run/rationale.json", {"steps": 4})
        (folder.state / "rationale.json").write_bytes(b'{"ste')
        with pytest.raises(ValueError, match=r"rationale\.json is damaged"):
            folder.read_json("run/rationale.json")


def test_other_recipe_is_refused_and_lets_go(tiny_recipe, tmp_path):
    with open_run_folder(tiny_recipe(tmp_path / "run")):
        pass
    with pytest.raises(RecipeError, match="another recipe"):
        open_run_folder(tiny_recipe(tmp_path / "run", "--seed", "9")).__enter__()
    with open_run_folder(tiny_recipe(tmp_path / "run")):
        pass


# What each writer says where the disk is full, as they said it on a small one.
FULL = [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EDQUOT, "Disk quota exceeded"),
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
    RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 576 vs 534"),
    RuntimeError("basic_ios::clear: iostream error"),
    Exception("No space left on device (os error 28)"),
]


@pytest.mark.parametrize("error", FULL, ids=lambda error: type(error).__name__)
def test_full_disk_is_one_line_whoever_noticed(tmp_path, error):
    with pytest.raises(OSError, match=r"The disk of .* is full\. Free some space"), full_disk_named(tmp_path):
        raise error


def test_other_errors_stay_as_they_are(tmp_path):
    for error in (OSError(errno.EACCES, "Permission denied"), RuntimeError("shapes"), KeyError("x")):
        with pytest.raises(type(error)) as caught, full_disk_named(tmp_path):
            raise error
        assert caught.value is error


def test_text_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "progress.json"
    replace_text(path, json.dumps(["processor"]))

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_text(path, json.dumps(["processor", "rationale"]))
    assert json.loads(path.read_text()) == ["processor"]
