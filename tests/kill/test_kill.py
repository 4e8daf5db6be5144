"""A run that comes to harm anywhere and is started again ends as if nothing had been: file by file, times aside."""

import json
import os
import queue
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml

from ..hub.server import HubServer
from ..ways import FROZEN
from .places import PHASES, ROWS, STATE, STEP, WEIGHTS, Place, draw_places


pytestmark = pytest.mark.slow

REPO = "org/tiny"
RUN = [
    *("--dataset", "sketchqa:train=24,validation=4,test=20,size=32"),
    *("--evaluation.batch_size", "2"),
    *("--model.text_config.dropout_rate", "0.1"),
    *("--training.save_steps", "2"),
    *("--training.logging_steps", "4"),
    *("--rationale.max_steps", "6"),
    *("--rationale.eval_steps", "3"),
    *("--rationale.generation_max_length", "8"),
    *("--answer.max_steps", "6"),
    *("--answer.eval_steps", "3"),
    *("--answer.generation_max_length", "4"),
    *("--training.push_to_hub", "true"),
    *("--training.hub_model_id", REPO),
    *FROZEN,
]
# Times in the files of a run: those of its records and scores, and a column of its card.
TIMES = re.compile(r'("[a-z_]*(?:seconds|runtime|per_second)": )[\d.e+-]+')
CARD_TIMES = re.compile(r"^(\| (?:rationale|answer) \| \d+ \|) .* \|$", re.MULTILINE)
FULL = re.compile(r"^mmcot: .*(?:is full|No space left).*$", re.MULTILINE)
KILLS = draw_places(30, seed=7)
STOPS = draw_places(12, seed=8)
FULL_DISKS = [place for place in draw_places(80, seed=9) if place.moment == "half"][:6]
# Each the first call of its function in the process that goes on.
IN_A_ROW = [
    Place("start", "mmcot.training.run:build_processor", 1, "after"),
    Place("cache", "mmcot.inference.features:FeatureCache.fill", 1, "after"),
    Place("stage 1", STEP, 1, "after"),
    Place("checkpoint", "mmcot.training.checkpoints:CheckpointNotes.on_save", 1, "before"),
    Place("stage 1", STEP, 1, "before"),
    Place("saving the rationale model", "mmcot.training.train_model:save_trained", 1, "after"),
    Place("writing rationales", ROWS, 1, "half"),
    Place("writing rationales", ROWS, 2, "half"),
    Place("stage 2", STEP, 3, "after"),
    Place("saving", "mmcot.training.train_model:drop_checkpoints", 1, "before"),
    Place("answering", ROWS, 2, "half"),
    Place("answering", ROWS, 1, "after"),
    Place("metrics", "mmcot.training.results:plot_curves", 1, "before"),
    Place("card", "mmcot.training.results:write_card", 1, "before"),
    Place("push", "huggingface_hub:HfApi.create_commit", 1, "after"),
]
# Before each of these the disk is filled, so that the writer itself finds it full.
FILLED = [
    Place("start", "mmcot.training.run:build_processor", 1, "before"),
    Place("cache", "mmcot.inference.feature_files:save_file", 2, "before"),
    Place("checkpoint", WEIGHTS, 2, "before"),
    Place("checkpoint", STATE, 2, "before"),
    Place("checkpoint", STATE, 3, "before"),
    Place("writing rationales", ROWS, 2, "before"),
    Place("saving", WEIGHTS, 8, "before"),
    Place("saving", "mmcot.training.results:write_rows", 1, "before"),
    Place("metrics", "mmcot.training.results:plot_curves", 1, "before"),
    Place("card", "mmcot.training.results:write_card", 1, "before"),
]


class Forks:
    """Two programs of `forks.py`, which share the tasks."""

    def __init__(self, environment):
        words = [sys.executable, str(Path(__file__).with_name("forks.py"))]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
        self.free = queue.Queue()
        self.programs = [subprocess.Popen(words, **pipes) for _ in range(2)]
        for program in self.programs:
            self.free.put(program)

    def run(self, **task):
        """Runs a task; gives the exit code of its process, below zero for a signal."""
        program = self.free.get()
        program.stdin.write(json.dumps(task) + "\n")
        program.stdin.flush()
        code = int(program.stdout.readline())
        self.free.put(program)
        return code

    def close(self):
        for program in self.programs:
            program.stdin.close()
            program.wait()


@pytest.fixture(scope="module")
def forks(tmp_path_factory):
    programs = Forks(os.environ | {"OMP_NUM_THREADS": "1", "HF_HOME": str(tmp_path_factory.mktemp("huggingface"))})
    yield programs
    programs.close()


@pytest.fixture(scope="module")
def recipe(tiny_recipe, tmp_path_factory):
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe("run", *RUN).settings))
    return path


@pytest.fixture(scope="module")
def run_through(forks, recipe, tmp_path_factory):
    """Function of places, a harm and a folder: a run comes to that harm at each of them in turn, then to its end.

    Gives the exit codes, all that was said, and what is in its folder and on its Hub.
    """

    def run(places=(), harm="kill"):
        folder = tmp_path_factory.mktemp("harmed")
        with HubServer() as hub:
            log = folder / "log"
            task = {"folder": str(folder), "log": str(log), "words": ["train", str(recipe)], "hub": hub.url}
            codes = [forks.run(**task, place={**asdict(place), "harm": harm}) for place in places]
            codes.append(forks.run(**task, place=None))
            return codes, log.read_text(), contents(folder / "run"), hub.files(REPO)

    return run


def contents(folder):
    """Every file of a folder by its path, without times."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): without_times(path.name, path.read_bytes()) for path in paths}


def without_times(name, content):
    if name.endswith((".json", ".md")):
        return CARD_TIMES.sub(r"\1", TIMES.sub(r"\1", content.decode())).encode()
    return content


@pytest.fixture(scope="module")
def unbroken(run_through):
    """What a run leaves in its folder and on the Hub that nothing happens to."""
    codes, said, files, published = run_through()
    assert codes == [0], said
    return files, published


@pytest.fixture
def check(run_through, unbroken):
    """Function of places, a harm and the exit code it has: the run comes to it, and ends as the unbroken one."""

    def run(places, harm, code):
        named = f"{harm} at {'; '.join(map(str, places))}"
        codes, said, files, published = run_through(places, harm)
        assert codes == [code] * len(places) + [0], f"{named}\n{said[-3000:]}"
        assert differences(files, unbroken[0]) == {}, named
        assert differences(published, unbroken[1]) == {}, named
        return said

    return run


def differences(found, expected):
    """Files that differ, with both of their contents, or `None` where there is none."""
    found, expected = ({name: without_times(name, files[name]) for name in files} for files in (found, expected))
    names = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    return {name: (found.get(name), expected.get(name)) for name in names}


def check_each(check, places, harm, code):
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda place: check([place], harm, code), places))


@pytest.mark.parametrize("places", [KILLS, STOPS, IN_A_ROW], ids=len)
def test_places_cover_every_phase(places):
    assert {place.phase for place in places} == set(PHASES)


def test_killed_run_ends_as_the_unbroken_one(check):
    check_each(check, KILLS, "kill", -9)


def test_run_that_is_killed_again_and_again_ends_as_the_unbroken_one(check):
    check(IN_A_ROW, "kill", -9)


def test_stopped_run_ends_as_the_unbroken_one(check):
    for said in check_each(check, STOPS[::2], "interrupt", 1):
        assert said.count("mmcot: stopped. The same command goes on from the last checkpoint.\n") == 1
        assert "Traceback" not in said
    check_each(check, STOPS[1::2], "terminate", -15)


def test_run_on_a_full_disk_says_so_in_one_line_and_goes_on(check):
    for said in check_each(check, FULL_DISKS, "full", 1):
        assert len(FULL.findall(said)) == 1, said
        assert "Traceback" not in said


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of its own, of 50 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_what_libraries_make_of_a_full_disk_is_one_line_too(forks, recipe, unbroken, small_disk, tmp_path):
    for number, place in enumerate(FILLED):  # one after the other: they share the disk
        folder, log = small_disk / str(number), tmp_path / f"{number}.log"
        folder.mkdir()
        with HubServer() as hub:
            task = {"folder": str(folder), "log": str(log), "words": ["train", str(recipe)], "hub": hub.url}
            code = forks.run(**task, place={**asdict(place), "harm": "fill"})
            said = log.read_text()
            assert (code, len(FULL.findall(said)), "Traceback" in said) == (1, 1, False), said
            (folder / "filler").unlink()
            assert forks.run(**task, place=None) == 0, log.read_text()
        assert differences(contents(folder / "run"), unbroken[0]) == {}, place
        shutil.rmtree(folder)
