"""Places of a run at which it comes to harm, drawn from a seed, so that every phase has some."""

import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Place:
    """A call of a function of the package or of a library.

    Args:
        phase: of the run.
        function: `module:name`, as its caller finds it.
        call: which of its calls.
        moment: `before` the call, `after` it, or `half` through: what it wrote is cut.
        file: where among its arguments the file is that it writes.
    """

    phase: str
    function: str
    call: int
    moment: str
    file: int = 0

    def __str__(self) -> str:
        return f"{self.phase}, {self.moment} call {self.call} of {self.function}"


WEIGHTS = "transformers.modeling_utils:safe_save_file"
STATE = "torch:save"
STEP = "transformers.trainer:Trainer.training_step"
ROWS = "mmcot.inference.row_files:append_rows"
BOTH_SIDES = ("before", "after")
ALL_MOMENTS = ("before", "half", "after")
# Phase -> functions at work in it, which of their calls belong to it, and at which moments they can come to harm.
# The calls are those of `test_kill.py`'s run, with three checkpoints in each stage and rows in chunks of eight.
PHASES: dict[str, list[Any]] = {
    "start": [
        ("mmcot.training.run_folder:claim_folder", range(1, 2), BOTH_SIDES),
        ("mmcot.training.run:build_processor", range(1, 2), BOTH_SIDES),
        ("mmcot.training.run_folder:RunFolder.note", range(1, 2), BOTH_SIDES),
    ],
    "cache": [
        ("mmcot.inference.feature_files:save_file", range(1, 4), ALL_MOMENTS, 1),
        ("mmcot.inference.features:FeatureCache.fill", range(1, 4), BOTH_SIDES),
    ],
    "stage 1": [(STEP, range(1, 7), BOTH_SIDES)],
    "checkpoint": [
        (WEIGHTS, range(1, 4), ALL_MOMENTS, 1),
        (STATE, range(1, 13), ALL_MOMENTS, 1),
        ("mmcot.training.checkpoints:CheckpointNotes.on_save", range(1, 4), BOTH_SIDES),
        ("transformers.trainer:rotate_checkpoints", range(1, 4), BOTH_SIDES),
    ],
    "saving the rationale model": [
        (WEIGHTS, range(4, 5), ALL_MOMENTS, 1),
        ("mmcot.training.train_model:save_trained", range(1, 2), ("after",)),
        ("mmcot.training.train_model:drop_checkpoints", range(1, 2), BOTH_SIDES),
    ],
    "writing rationales": [(ROWS, range(1, 5), ALL_MOMENTS)],
    "stage 2": [
        (STEP, range(7, 13), BOTH_SIDES),
        (STATE, range(13, 25), ALL_MOMENTS, 1),
    ],
    "answering": [(ROWS, range(5, 11), ALL_MOMENTS)],
    "saving": [
        (WEIGHTS, range(8, 9), ALL_MOMENTS, 1),
        ("mmcot.training.results:write_rows", range(1, 2), BOTH_SIDES),
    ],
    "metrics": [
        ("mmcot.training.results:count_cuts", range(1, 2), BOTH_SIDES),
        ("mmcot.training.results:plot_curves", range(1, 2), BOTH_SIDES),
    ],
    "card": [
        ("mmcot.training.results:complete_config", range(1, 2), BOTH_SIDES),
        ("mmcot.training.results:write_card", range(1, 2), BOTH_SIDES),
    ],
    "push": [
        ("mmcot.training.two_stage:publish", range(1, 2), BOTH_SIDES),
        ("huggingface_hub:HfApi.create_commit", range(1, 2), BOTH_SIDES),
    ],
}


def draw_places(count: int, seed: int) -> list[Place]:
    """Different places; no phase has two more of them than another."""
    chance = random.Random(seed)
    places: list[Place] = []
    while True:
        for phase, functions in PHASES.items():
            function, calls, moments, *file = chance.choice(functions)
            place = Place(phase, function, chance.choice(calls), chance.choice(moments), *file)
            if place not in places:
                places.append(place)
            if len(places) == count:
                return places
