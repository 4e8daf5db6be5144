"""transformers' own Trainer, with a tower that learns: stopped and resumed, the best checkpoint, two processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mmcot import MMCoTForConditionalGeneration

from . import plain_trainer
from .plain_trainer import COMPARABLE, make_trainer


@pytest.fixture
def unbroken(tmp_path):
    trainer = make_trainer(tmp_path / "unbroken")
    trainer.train()
    return trainer.model.state_dict()


def test_resumed_training_ends_as_if_it_had_not_been_stopped(unbroken, tmp_path):
    resumed = make_trainer(tmp_path / "resumed", seed=1)
    resumed.train(resume_from_checkpoint=str(tmp_path / "unbroken" / "checkpoint-2"))
    assert_close(resumed.model.state_dict(), unbroken, rtol=0, atol=0)


def test_best_model_is_loaded_at_the_end(tmp_path):
    steps = {"eval_strategy": "steps", "eval_steps": 1, "save_steps": 1}
    # The worst loss counts as the best, so that it is not the last.
    best = {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": True}
    trainer = make_trainer(tmp_path, **steps, **best)
    trainer.train()
    assert trainer.state.best_model_checkpoint != str(tmp_path / "checkpoint-4")
    saved = MMCoTForConditionalGeneration.from_pretrained(trainer.state.best_model_checkpoint)
    assert_close(trainer.model.state_dict(), saved.state_dict(), rtol=0, atol=0)
    last = MMCoTForConditionalGeneration.from_pretrained(tmp_path / "checkpoint-4")
    assert not torch.equal(last.vision_tower.layers[0].mlp.fc1.weight, saved.vision_tower.layers[0].mlp.fc1.weight)


@pytest.mark.slow
def test_two_processes_do_what_one_does(tmp_path):
    """Although they wait for the gradients of every parameter."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*launch, plain_trainer.__file__, str(tmp_path / "two")],
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    one = make_trainer(tmp_path / "one", per_device_train_batch_size=4, **COMPARABLE)
    one.train()
    two = MMCoTForConditionalGeneration.from_pretrained(Path(tmp_path, "two"))
    assert_close(two.state_dict(), one.model.state_dict())
    start = make_trainer(tmp_path).model.vision_tower
    assert not torch.allclose(two.vision_tower.layers[0].mlp.fc1.weight, start.layers[0].mlp.fc1.weight, atol=1e-4)
