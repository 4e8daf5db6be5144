"""A training goes on only from a checkpoint that is as it was written, and stops where numbers end."""

import shutil
from types import SimpleNamespace

import pytest
import torch

from mmcot.data import load_splits
from mmcot.training.checkpoints import NOTE, CheckpointNotes, last_whole_checkpoint, seconds_until
from mmcot.training.progress import log_line
from mmcot.training.trainer import MMCoTTrainer, require_numbers


SHORT = ["--rationale.save_steps", "2", "--training.eval_strategy", "no"]
FILES = ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json")


@pytest.fixture
def checkpoints(tmp_path):
    """A folder with checkpoints of steps 4 and 12, as they are after a training of 7 seconds before."""
    for step in (4, 12):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        for name in FILES:
            (folder / name).write_text(f"{name} of step {step}")
        notes = CheckpointNotes(None)
        notes.start -= 7
        arguments, state = SimpleNamespace(output_dir=tmp_path), SimpleNamespace(global_step=step)
        state.is_world_process_zero = True
        notes.on_save(arguments, state, None)
    return tmp_path


def test_newest_whole_checkpoint_is_found_with_its_time(checkpoints):
    said = []
    found = last_whole_checkpoint(str(checkpoints), said.append)
    assert found == str(checkpoints / "checkpoint-12")
    assert said == []
    assert 7 <= seconds_until(found) < 60
    assert CheckpointNotes(found).seconds >= 7
    assert last_whole_checkpoint(str(checkpoints / "nowhere"), said.append) is None


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("harm", ["gone", "cut", "changed"])
def test_damaged_checkpoint_gives_way_to_the_one_before(checkpoints, name, harm):
    path, said = checkpoints / "checkpoint-12" / name, []
    harms = {
        "gone": path.unlink,
        "cut": lambda: path.write_bytes(path.read_bytes()[:-3]),
        "changed": lambda: path.write_bytes(b"\0" * len(path.read_bytes())),
    }
    harms[harm]()
    assert last_whole_checkpoint(str(checkpoints), said.append) == str(checkpoints / "checkpoint-4")
    assert not (checkpoints / "checkpoint-12").exists()
    if (name, harm) != ("trainer_state.json", "gone"):  # as where a kill came between
        assert len(said) == 1
        assert "checkpoint-12 is damaged" in said[0]


@pytest.mark.parametrize("absent", ["model.safetensors", "optimizer.pt", "scheduler.pt", "trainer_state.json"])
def test_checkpoint_without_note_needs_all_of_its_parts(checkpoints, absent):
    shutil.rmtree(checkpoints / "checkpoint-4")
    (checkpoints / "checkpoint-12" / NOTE).unlink()
    whole = str(checkpoints / "checkpoint-12")
    assert last_whole_checkpoint(str(checkpoints), print) == whole
    assert seconds_until(whole) == 0
    (checkpoints / "checkpoint-12" / absent).unlink()
    assert last_whole_checkpoint(str(checkpoints), print) is None


def test_damaged_note_counts_as_damage(checkpoints):
    (checkpoints / "checkpoint-12" / NOTE).write_text('{"seconds": 3')
    assert last_whole_checkpoint(str(checkpoints), print) == str(checkpoints / "checkpoint-4")


@pytest.fixture
def trainer(tiny_model, tiny_processor, tiny_recipe, tmp_path):
    arguments = tiny_recipe(tmp_path / "run", *SHORT).training["rationale"]
    splits = load_splits("sketchqa:train=32,validation=4,test=1,size=32")
    return MMCoTTrainer(tiny_model, arguments, ["rationale"], tiny_processor, splits["train"], None)


def test_loss_that_is_no_number_ends_the_training_before_a_checkpoint(trainer, tmp_path):
    trainer.add_callback(CheckpointNotes(None))
    with torch.no_grad():
        trainer.model.fusion.gate.weight[0, 0] = torch.nan
    with pytest.raises(ValueError, match=r"The loss is nan at step 2\. Train again into another output_dir"):
        trainer.train()
    assert not list((tmp_path / "run").rglob("model.safetensors"))


def test_weights_that_are_no_numbers_are_not_saved(trainer, tmp_path):
    with torch.no_grad():
        trainer.model.fusion.gate.bias[3] = torch.inf
    with pytest.raises(ValueError, match="no numbers, first in fusion.gate.bias"):
        trainer.save_model(str(tmp_path / "saved"))
    trainer.model.fusion.gate.bias.requires_grad_(False)
    require_numbers(trainer.model)


def test_log_lines_say_what_the_model_does():
    assert log_line({"loss": 1.23456, "epoch": 2, "eval_runtime": 3.0}) == "loss 1.235, epoch 2"
    assert log_line({"train_runtime": 4.0, "train_loss": 1.0}) == ""
