"""How the command starts: quickly where nothing is to be done, and with everything registered where something is."""

import os
import signal
import subprocess
import sys

import pytest
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoModelForSeq2SeqLM
from transformers.pipelines import PIPELINE_REGISTRY

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline
from mmcot.cli.main import VERBS, main


HEAVY = {"torch", "transformers", "datasets", "numpy", "matplotlib"}
NAMES = [verb.__name__.rpartition(".")[2] for verb in VERBS]


def python(*words):
    return subprocess.run([sys.executable, *words], capture_output=True, text=True)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["evaluate", "--help"], ["train"]], ids=" ".join)
def test_words_alone_import_nothing_heavy(words):
    done = python("-X", "importtime", "-m", "mmcot.cli", *words)
    assert done.returncode == (2 if words == ["train"] else 0)
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines() if "|" in line}
    assert "argparse" in imported
    assert not imported & HEAVY


@pytest.mark.parametrize("name", NAMES)
def test_every_verb_has_its_help_and_an_example(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert f"example: mmcot {name}" in capsys.readouterr().out


def test_import_registers_everything_with_transformers():
    assert type(AutoConfig.for_model("mmcot")) is MMCoTConfig
    for auto in (AutoModel, AutoModelForImageTextToText, AutoModelForSeq2SeqLM):
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


@pytest.mark.parametrize("module", ["mmcot.cli.shared_options", "torch.version"])
def test_ctrl_c_during_imports_is_one_line(module, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(INTERRUPT)
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "mmcot.cli", "train", str(tmp_path / "recipe.yaml")],
        env={**os.environ, "PYTHONPATH": path, "INTERRUPTED": module},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "mmcot: stopped. The same command goes on from the last checkpoint.\n"
    assert done.returncode in (1, 130, -signal.SIGINT)
