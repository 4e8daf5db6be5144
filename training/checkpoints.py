"""Checkpoints: each says what it consists of, so that a training never goes on from one that is damaged."""

import json
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from accelerate import PartialState
from transformers import TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from ..configuration.plain_files import replace_text


# Written into a checkpoint when all the rest of it is there.
NOTE = "complete.json"
# Where a process was killed before it wrote the note, a file of each of these lines has to be there.
NEEDED = (
    ("trainer_state.json",),
    ("*.safetensors", "pytorch_model*", "global_step*"),
    ("optimizer*", "global_step*"),
    ("scheduler.pt",),
)
BLOCK = 1 << 20


class CheckpointNotes(TrainerCallback):
    """Notes in each checkpoint what it consists of and how long the training has taken.

    Args:
        checkpoint: that the training goes on from.
    """

    def __init__(self, checkpoint: str | None):
        self.start = time.perf_counter() - seconds_until(checkpoint)

    @property
    def seconds(self) -> float:
        """How long the training has taken, in this process and in those that it goes on for."""
        return time.perf_counter() - self.start

    def on_step_end(self, args, state, control, **kwargs):
        # The loss is averaged since the last log. With one before each checkpoint, a training that goes on from there
        # logs what it would have logged, and a loss that is no number ends it before it is saved.
        control.should_log |= control.should_save

    def on_save(self, args, state, control, **kwargs):
        PartialState().wait_for_everyone()
        if state.is_world_process_zero:
            checkpoint = Path(args.output_dir, f"checkpoint-{state.global_step}")
            note = {"seconds": self.seconds, "checksums": checksums(checkpoint)}
            replace_text(checkpoint / NOTE, json.dumps(note, indent=1))


def checksums(folder: Path) -> dict[str, int]:
    """CRC-32 of each file of a checkpoint but its note."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != NOTE]
    return {path.relative_to(folder).as_posix(): checksum(path) for path in files}


def checksum(path: Path) -> int:
    """CRC-32 of a file."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return value


def seconds_until(checkpoint: str | None) -> float:
    """How long a training took until a checkpoint, where that says so."""
    note = Path(checkpoint or "", NOTE)
    return json.loads(note.read_text(encoding="utf-8"))["seconds"] if checkpoint and note.exists() else 0.0


def last_whole_checkpoint(folder: str, say: Callable[[str], None]) -> str | None:
    """The newest checkpoint of a folder of the Trainer that a training can go on from. Newer ones are removed."""
    state = PartialState()
    state.wait_for_everyone()
    found = sorted(Path(folder).glob("checkpoint-*"), key=lambda path: int(path.name.partition("-")[2]), reverse=True)
    for checkpoint in found if state.is_main_process else ():
        if is_whole(checkpoint):
            break
        if (checkpoint / "trainer_state.json").exists():  # which comes last, so no kill explains what is wrong
            say(f"{checkpoint} is damaged and removed; the training goes on from the one before it, or begins again.")
        shutil.rmtree(checkpoint)
    state.wait_for_everyone()
    return get_last_checkpoint(folder) if Path(folder).is_dir() else None


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint is as it was written."""
    note = checkpoint / NOTE
    if note.exists():
        try:
            return json.loads(note.read_text(encoding="utf-8"))["checksums"] == checksums(checkpoint)
        except ValueError:
            return False
    return all(any(any(checkpoint.glob(pattern)) for pattern in patterns) for patterns in NEEDED)


def drop_checkpoints(folder: str) -> None:
    """Removes the checkpoints of a finished training; logs of `report_to` beside them stay."""
    state = PartialState()
    state.wait_for_everyone()
    for path in Path(folder).glob("checkpoint-*") if state.is_main_process else ():
        shutil.rmtree(path)
