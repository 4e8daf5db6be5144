"""Several processes do what one does, for real. What becomes of killed runs is in `tests/kill/`."""

import json
import os
import subprocess
import sys

import pytest
import yaml
from safetensors.torch import load_file
from torch.testing import assert_close

from mmcot.inference.row_files import read_rows


pytestmark = pytest.mark.slow
LONGER = [
    *("--dataset", "sketchqa:train=64,validation=4,test=40,size=32"),
    *("--rationale.max_steps", "24"),
    *("--answer.max_steps", "24"),
    *("--evaluation.batch_size", "2"),
    *("--model.text_config.dropout_rate", "0.1"),
]


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HOME": str(tmp_path / "huggingface")}


@pytest.fixture
def command(tiny_recipe, tmp_path):
    """Function of a folder and overrides: the words of a training command."""

    def make(folder, *overrides):
        path = tmp_path / f"{folder}.yaml"
        path.write_text(yaml.safe_dump(tiny_recipe(tmp_path / folder, *LONGER, *overrides).settings))
        return ["-m", "mmcot.cli", "train", str(path)]

    return make


def run(words, environment):
    result = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr


def test_two_processes_do_what_one_does(command, environment, tmp_path):
    same_batches = [
        *("--training.train_sampling_strategy", "random"),
        *("--training.per_device_train_batch_size", "4"),
        *("--model.config.freeze_vision", "true"),
        *("--model.text_config.dropout_rate", "0.0"),
        *("--training.seed", "3"),
    ]
    one = command("one", *same_batches, "--training.gradient_accumulation_steps", "2")
    two = command("two", *same_batches)
    run(one, environment)
    run(["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", *two], environment)
    for name in ("model.safetensors", "answer/model.safetensors"):
        weights = [load_file(tmp_path / folder / name) for folder in ("one", "two")]
        for key, weight in weights[0].items():
            assert_close(weight, weights[1][key], rtol=1e-3, atol=1e-4, msg=lambda text, key=key: f"{key}: {text}")
    rows = [read_rows(tmp_path / folder / "predictions.jsonl") for folder in ("one", "two")]
    assert [row["id"] for row in rows[1]] == [row["id"] for row in rows[0]]
    assert len({row["id"] for row in rows[1]}) == 40
    assert [row["answer_text"] for row in rows[1]] == [row["answer_text"] for row in rows[0]]
    results = [json.loads((tmp_path / folder / "metrics.json").read_text()) for folder in ("one", "two")]
    assert results[0]["accuracy"] == results[1]["accuracy"]
