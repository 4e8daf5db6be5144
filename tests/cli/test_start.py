"""How the command starts: quickly where nothing is to be done, and with everything registered where something is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageTextToText,
    AutoModelForMultimodalLM,
    AutoModelForSeq2SeqLM,
)
from transformers.pipelines import PIPELINE_REGISTRY

import mmcot
from mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline
from mmcot.cli.__main__ import start
from mmcot.cli.main import VERBS, main


RECIPES = Path(mmcot.__file__).parent / "configuration"
HEAVY = {"torch", "transformers", "datasets", "numpy", "matplotlib"}
NAMES = [verb.__name__.rpartition(".")[2] for verb in VERBS]


def python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["evaluate", "--help"], ["train"]], ids=" ".join)
def test_words_alone_import_nothing_heavy(words):
    done = python("-X", "importtime", "-m", "mmcot.cli", *words)
    assert done.returncode == (2 if words == ["train"] else 0)
    assert not imported(done.stderr) & HEAVY


def imported(times):
    """The libraries that Python says that it imported."""
    names = {line.rpartition("|")[2].strip().partition(".")[0] for line in times.splitlines() if "|" in line}
    assert "argparse" in names
    return names


@pytest.mark.parametrize("recipe", ["own-data.yaml", pytest.param("lora.yaml", marks=pytest.mark.slow)])
def test_hub_out_of_reach_is_said_before_torch_is_imported(recipe, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = python("-X", "importtime", "-m", "mmcot.cli", "train", str(RECIPES / recipe))
    assert done.returncode == 1
    assert "google/flan-t5-base, and the Hub at http://127.0.0.1:9 cannot be reached" in done.stderr.splitlines()[-1]
    assert "torch" not in imported(done.stderr)


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_its_help_and_an_example(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert f"example: mmcot {name}" in capsys.readouterr().out


def test_import_registers_everything_with_transformers():
    assert type(AutoConfig.for_model("mmcot")) is MMCoTConfig
    for auto in (AutoModel, AutoModelForImageTextToText, AutoModelForMultimodalLM, AutoModelForSeq2SeqLM):
        assert auto._model_mapping[MMCoTConfig] is MMCoTForConditionalGeneration
    assert PIPELINE_REGISTRY.check_task("multimodal-cot")[1]["impl"] is MMCoTPipeline


INTERRUPT = """
import os, signal, sys

class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == os.environ["INTERRUPTED"]:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt())
"""


@pytest.mark.parametrize("module", ["mmcot.cli.shared_options", pytest.param("torch.version", marks=pytest.mark.slow)])
def test_ctrl_c_during_imports_is_one_line(module, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "mmcot.cli", "train", str(RECIPES / "sketchqa.yaml"), "--output_dir", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": path, "INTERRUPTED": module},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "mmcot: stopped. The same command goes on from the last checkpoint.\n"
    assert done.returncode in (1, 130, -signal.SIGINT)


def threads():
    return [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]


def hold_a_group():
    """What a command leaves behind: a model of several processes in a reference cycle, which holds their group."""
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(1, 1))
    model.cycle = [model]
    assert "pt_gloo_runloop" in threads()
    return 3


@pytest.mark.skipif(sys.platform != "linux", reason="threads are listed by Linux")
def test_a_process_of_torchrun_leaves_its_group_and_waits_for_its_threads(monkeypatch):
    """One that ended while they let go of tensors aborted after all of its work was done, one run in some twenty."""
    torch.distributed.init_process_group("gloo", store=torch.distributed.HashStore(), rank=0, world_size=1)
    monkeypatch.setattr("mmcot.cli.main.main", hold_a_group)
    assert start() == 3
    assert not torch.distributed.is_initialized()
    assert "pt_gloo_runloop" not in threads()
