"""Words, answers and pictures need neither torch nor transformers; the package registers its classes at once."""

import subprocess
import sys
from pathlib import Path

import pytest

import mmcot


PURE = (
    "allowed",
    "answers",
    "confidence",
    "free_answers",
    "images",
    "outcome",
    "prompt",
    "questions",
    "samples",
    "stage_records",
)
WITHOUT = """
import sys
sys.path.insert(0, sys.argv[1])
sys.argv[0] = "mmcot"  # the package then waits with its classes
from mmcot.modeling_mmcot import {files}
from mmcot.modeling_mmcot.outcome_mmcot import conclude_samples, read_for_stages
from mmcot.modeling_mmcot.wording_mmcot import Wording
from mmcot.modeling_mmcot.confidence_mmcot import Written

example = read_for_stages({{"question": "What?", "choices": ["a", "b"]}}, ["rationale", "answer"])
print(Wording().build_prompt(example, "answer", "Solution: It is b."))
written = {{"rationale": Written("Solution: It is b."), "answer": Written("The answer is (B).", [0.1, 0.9])}}
print(conclude_samples(Wording(), [written], example["choices"], None)[1]["choice"])
print(sorted({{"torch", "transformers", "huggingface_hub"}} & sys.modules.keys()))
"""


def test_words_and_answers_load_nothing_large():
    code = WITHOUT.format(files=", ".join(f"{name}_mmcot" for name in PURE))
    parent = Path(mmcot.__file__).parents[1]
    ran = subprocess.run([sys.executable, "-c", code, str(parent)], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == [
        "Question: What? Context: N/A Options: (A) a (B) b Solution: It is b. Answer:",
        "b",
        "[]",
    ]


def test_the_first_use_of_a_class_brings_them_all():
    assert {name: getattr(mmcot.modeling_mmcot, name) for name in mmcot.__all__} == {
        name: getattr(mmcot, name) for name in mmcot.__all__
    }
    with pytest.raises(AttributeError, match="no attribute 'Model'"):
        mmcot.modeling_mmcot.Model  # noqa: B018
