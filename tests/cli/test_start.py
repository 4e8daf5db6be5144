"""How the command starts: quickly where nothing is to be done, and without a second registration of anything."""

import subprocess
import sys

import pytest

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
    code = """
import mmcot, mmcot.modeling_mmcot
from transformers import AutoConfig, AutoModel, AutoModelForImageTextToText, AutoModelForSeq2SeqLM
from transformers.pipelines import PIPELINE_REGISTRY
assert mmcot.MMCoTConfig is mmcot.modeling_mmcot.MMCoTConfig
assert type(AutoConfig.for_model("mmcot")) is mmcot.MMCoTConfig
for auto in (AutoModel, AutoModelForImageTextToText, AutoModelForSeq2SeqLM):
    assert auto._model_mapping[mmcot.MMCoTConfig] is mmcot.MMCoTForConditionalGeneration
assert PIPELINE_REGISTRY.check_task("multimodal-cot")[1]["impl"] is mmcot.MMCoTPipeline
"""
    done = python("-c", code)
    assert done.returncode == 0, done.stderr
