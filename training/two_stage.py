"""The two-stage run: train the rationale model, let it write, train the answer model, score what they say together.

mmcot train configuration/sketchqa.yaml
"""

from collections.abc import Callable
from typing import Any

from accelerate import PartialState

from ..configuration import Recipe
from ..configuration.repository import METRICS_FILE
from ..hub_card.publish import create_repository, publish
from ..inference.disk import full_disk_named
from ..modeling_mmcot.stage_records_mmcot import ANSWER, RATIONALE
from .calibration import calibrate
from .plan import BOTH
from .rationales import cross_fit_rationales, generate_for_next_stage
from .results import Predictions, generate_predictions, hardware, rationale_predictions, score_run
from .run import Run, open_run
from .run_folder import RunFolder, open_run_folder
from .train_model import train_model


def run_recipe(recipe: Recipe, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Trains what a recipe says into `recipe.output_dir` and scores it on the evaluation split.

    What an earlier, interrupted call finished is not done again.

    Args:
        recipe: the run.
        say: told at each step what happens.

    Returns:
        What `metrics.json` holds.

    Raises:
        ValueError: for a recipe, data or a folder that it cannot be done with; also while another process does it.
        OSError: for files that cannot be read or written.
    """
    say = say if PartialState().is_main_process else (lambda text: None)
    with full_disk_named(recipe.output_dir), open_run_folder(recipe) as folder:
        if recipe.hub.push_to_hub and PartialState().is_main_process:
            return train_and_publish(recipe, folder, say)
        return train_and_score(recipe, folder, say)


def train_and_publish(recipe: Recipe, folder: RunFolder, say: Callable[[str], None]) -> dict[str, Any]:
    """What the main process does of a run that goes to the Hub. The others do not wait for the upload."""
    hub = recipe.hub
    assert hub.hub_model_id is not None  # the recipe has filled it in
    published = f"publication of {recipe.mode} as {hub.hub_model_id}, {hub.hub_revision or 'main'}"
    if folder.finished(published):
        return train_and_score(recipe, folder, say)
    create_repository(hub.hub_model_id, hub.hub_private_repo)  # refused now, not after the training
    metrics = train_and_score(recipe, folder, say)
    commit = publish(folder.root, hub.hub_model_id, hub.hub_private_repo, hub.hub_revision)
    folder.note(published)
    say(f"Published at {commit.repo_url}, commit {commit.oid}.")
    return metrics


def train_and_score(recipe: Recipe, folder: RunFolder, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything that is still to be done in a run folder; gives what its `metrics.json` then holds."""
    if any(folder.finished(f"evaluation of {mode}") for mode in {recipe.mode, BOTH}):
        say(f"{folder.root} is complete; nothing to do. Remove the folder to train again.")
        return folder.read_json(METRICS_FILE)
    say(f"Training on {hardware()}.")
    run = open_run(recipe, folder, say)
    predictions = two_stages(run) if RATIONALE in run.plan.models else one_model(run)
    return score_run(run, predictions)


def two_stages(run: Run) -> Predictions:
    """The rationale model learns and writes, the answer model learns and answers from what was written."""
    # Under no name: it is not held in memory while the answer model is trained.
    generate_for_next_stage(run, train_model(run, RATIONALE), RATIONALE)
    if ANSWER not in run.plan.models:
        return rationale_predictions(run)
    if run.recipe.answer_rationales == "generated":
        cross_fit_rationales(run)
    answer_model = train_model(run, ANSWER)
    calibrate(run, answer_model, ANSWER)
    return generate_predictions(run, answer_model, ANSWER)


def one_model(run: Run) -> Predictions:
    """One model learns all: both stages, or the format of a one-stage baseline."""
    ((name, stages),) = run.plan.models.items()
    model = train_model(run, name)
    *earlier, last = stages
    for stage in earlier:
        generate_for_next_stage(run, model, stage)
    calibrate(run, model, last)
    return generate_predictions(run, model, last)
