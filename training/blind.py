"""The trained system once more with blank pictures, which tells whether it looks at all."""

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

import datasets
from accelerate.utils import broadcast_object_list

from ..data.image_column import has_image
from ..evaluation.baselines import FEWEST, SEED, SHARE, answer_blank
from ..inference.row_files import BATCHES_PER_CHUNK, complete_rows
from .run import Run
from .train_model import load_model


PHASE = "blank pictures"


def answer_blindly(run: Run, predictions: Sequence[dict[str, Any]], seconds: float) -> list[dict[str, Any]]:
    """The scored problems answered with blank pictures: all, or as many as a share of a time allows.

    Args:
        run: whose models are trained.
        predictions: of the same models, with the pictures.
        seconds: that the training took; a tenth of it is spent here, or what a hundred problems need.

    Returns:
        Predictions; none where there is no picture, or no model looks at one.
    """
    if not any(has_image(run.scored)):
        return []
    trained = {name: load_model(run, run.path(name), run.recipe.training[name]) for name in run.plan.models}
    models = {stage: trained[name].model for name, stages in run.plan.models.items() for stage in stages}
    if not any(model.vision_tower is not None for model in models.values()):
        return []
    run.say("The same problems with blank pictures.")

    def make_rows(part: datasets.Dataset) -> list[dict[str, Any]]:
        size = run.recipe.evaluation.batch_size
        # Blank pictures are of no use to anybody later: their features stay out of the cache.
        return answer_blank(models, run.processor, part, predictions, progress=False, batch_size=size)

    split, size = run.recipe.evaluation.split, BATCHES_PER_CHUNK * run.recipe.evaluation.batch_size
    places = random.Random(SEED).sample(range(len(run.scored)), len(run.scored))
    path, enough = run.folder.state / f"blank_{split}.jsonl", time_is_up(run, SHARE * seconds)
    rows = complete_rows(path, run.scored.select(places), make_rows, size, PHASE, text="answer_text", enough=enough)
    if not run.folder.finished(phase_of(run)):
        run.folder.finish(phase_of(run))
    return rows


def phase_of(run: Run) -> str:
    """What the progress of the run calls this."""
    return f"{PHASE} of {run.recipe.evaluation.split}"


def time_is_up(run: Run, seconds: float) -> Callable[[int], bool]:
    """Whether so many answers will do: those of an earlier call that came to its end, or what the time allowed."""
    finished, start = run.folder.finished(phase_of(run)), time.monotonic()

    def enough(done: int) -> bool:
        late = done >= FEWEST and time.monotonic() - start > seconds
        (decided,) = broadcast_object_list([finished or late])  # by the clock of the main process
        return decided

    return enough
