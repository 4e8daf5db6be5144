"""The two-stage run: train the rationale model, let it write, train the answer model, score what they say together.

mmcot train configuration/sketchqa.yaml
"""

import shutil
from collections.abc import Callable
from typing import Any

import datasets
import torch
from accelerate import PartialState
from transformers import set_seed

from ..configuration import Recipe, RecipeError
from ..configuration.metrics import ACCURACY, AVERAGE, ROUGE_L_OFFICIAL
from ..data.examples import GENERATED_RATIONALE
from ..evaluation.scores import evaluate, with_whole_rationales
from ..hub_card import write_card
from ..hub_card.card import library_versions
from ..hub_card.publish import create_repository, publish
from ..inference.generation import prediction_rows
from ..inference.row_files import BATCHES_PER_CHUNK, complete_rows
from ..modeling_mmcot import MMCoTConfig, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import ANSWER, RATIONALE, STAGES
from .curves import plot_curves
from .parts import build_base, build_processor
from .plan import has_adapters, planned_models, repository_stages
from .rationales import cross_fit_rationales, generate_rationales
from .run import Run, load_run_splits
from .run_folder import RunFolder
from .train_model import TrainedModel, train_model


Predictions = list[dict[str, Any]]


def run_recipe(recipe: Recipe, say: Callable[[str], None] = print) -> dict[str, Any]:
    """Trains what a recipe says into `recipe.output_dir` and scores it on the evaluation split.

    What an earlier, interrupted call finished is not done again.

    Args:
        recipe: the run.
        say: told at each step what happens.

    Returns:
        What `metrics.json` holds.
    """
    folder = RunFolder(recipe)
    say = say if PartialState().is_main_process else (lambda text: None)
    hub = recipe.hub
    published = f"publication of {recipe.mode} as {hub.hub_model_id}, {hub.hub_revision or 'main'}"
    publishes = hub.push_to_hub and PartialState().is_main_process and not folder.finished(published)
    if publishes:
        create_repository(hub.hub_model_id, hub.hub_private_repo)  # refused now, not after the training
    metrics = train_and_score(recipe, folder, say)
    if publishes:
        commit = publish(folder.root, hub.hub_model_id, hub.hub_private_repo, hub.hub_revision)
        folder.note(published)
        say(f"Published at {commit.repo_url}, commit {commit.oid}.")
    return metrics


def train_and_score(recipe: Recipe, folder: RunFolder, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything that is still to be done in a run folder; gives what its `metrics.json` then holds."""
    phases = [f"evaluation of {mode}" for mode in {recipe.mode, "both"}]
    if any(map(folder.finished, phases)):
        say(f"{folder.root} is complete; nothing to do. Remove the folder to train again.")
        return folder.read_json("metrics.json")
    say(f"Training on {hardware()}.")
    run = prepare(recipe, folder, say)
    predictions = two_stages(run) if RATIONALE in planned_models(recipe) else one_model(run)
    return finish_run(run, predictions)


def two_stages(run: Run) -> Predictions:
    """The rationale model learns and writes, the answer model learns and answers from what was written."""
    generate_rationales(run, train_model(run, RATIONALE))
    if run.recipe.mode == RATIONALE:
        return rationale_rows(run)
    if run.recipe.answer_rationales == "generated":
        cross_fit_rationales(run)
    return answer_examples(run, train_model(run, ANSWER), ANSWER)


def one_model(run: Run) -> Predictions:
    """One model learns all: both stages, or the format of a one-stage baseline."""
    ((name, stages),) = planned_models(run.recipe).items()
    model = train_model(run, name)
    if RATIONALE in stages:
        generate_rationales(run, model)
    return answer_examples(run, model, stages[-1])


def hardware() -> str:
    """What the training runs on."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"the CPU, {torch.get_num_threads()} threads"


def prepare(recipe: Recipe, folder: RunFolder, say: Callable[[str], None]) -> Run:
    """Opens the data; makes the processor and, under adapters, their base, or takes those of an earlier call."""
    if recipe.mode == ANSWER and not folder.finished(RATIONALE):
        raise RecipeError(f"{folder.root} has no rationale model yet. Train it first, with stages: rationale or both.")
    splits, skipped = load_run_splits(recipe, say)
    if not folder.finished("processor"):
        if PartialState().is_main_process:
            build_processor(recipe, splits["train"]).save_pretrained(folder.root)
        folder.finish("processor")
    processor = MMCoTProcessor.from_pretrained(folder.root)
    if has_adapters(recipe) and not folder.finished("base"):
        save_base(recipe, folder, processor)
        folder.finish("base")
    return Run(recipe, folder, processor, splits, say, skipped)


def save_base(recipe: Recipe, folder: RunFolder, processor: MMCoTProcessor) -> None:
    """The model that all adapters share, at the root of the repository."""
    set_seed(recipe.seed)
    base = build_base(recipe.model, processor.tokenizer)
    base.config.stages = repository_stages(recipe)
    folder.require_space(4 * base.num_parameters())
    if PartialState().is_main_process:
        base.save_pretrained(folder.root)


def rationale_rows(run: Run) -> Predictions:
    """What the rationale model alone predicts."""
    dataset = run.splits[run.recipe.evaluation.split]
    written = dataset[GENERATED_RATIONALE][:], [None] * len(dataset)
    predictions = prediction_rows(dataset, run.processor, RATIONALE, written)
    return complete_rows(
        run.folder.root / "predictions.jsonl", dataset, lambda _: predictions, len(dataset), "rationales"
    )


def answer_examples(run: Run, model: TrainedModel, stage: str) -> Predictions:
    """Answers the evaluation split, two stages from the written rationales; what is answered already is kept."""
    dataset = run.splits[run.recipe.evaluation.split]
    run.say(f"Answering the {len(dataset)} problems of {run.recipe.evaluation.split}.")

    def make_rows(part: datasets.Dataset) -> Predictions:
        rationales = part[GENERATED_RATIONALE][:] if STAGES[stage].reads else None
        written = {} if rationales is None else {RATIONALE: rationales}
        return prediction_rows(part, run.processor, stage, model.generate(run, part, stage, written), rationales)

    chunk = BATCHES_PER_CHUNK * run.recipe.evaluation.batch_size
    return complete_rows(run.folder.root / "predictions.jsonl", dataset, make_rows, chunk, "answers")


def finish_run(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Completes the run folder: scores, curves and card."""
    recipe, folder = run.recipe, run.folder
    dataset = with_whole_rationales(run.splits[recipe.evaluation.split], run.processor)
    metrics = evaluate(predictions, dataset, recipe.evaluation.by)
    if recipe.mode == RATIONALE:
        del metrics["accuracy"], metrics["unparsed"]
    records = {name: folder.read_json(f"run/{name}.json") for name in planned_models(recipe)}
    metrics["training"] = {
        name: {key: record[key] for key in ("seconds", "steps")} for name, record in records.items()
    }
    metrics["truncation"] = vars(run.processor.truncation)
    metrics["skipped"] = run.skipped
    metrics["hardware"], metrics["versions"] = hardware(), library_versions()
    if PartialState().is_main_process:
        folder.write_json("metrics.json", metrics)
        plot_curves({name: record["history"] for name, record in records.items()}, folder.root / "curves.png")
        name_stages(folder, repository_stages(recipe))
        write_card(folder.root, recipe.settings, metrics)
        shutil.rmtree(folder.state / "folds", ignore_errors=True)
    folder.finish(f"evaluation of {recipe.mode}")
    run.say(f"{main_score(metrics)} on {recipe.evaluation.split}. Everything is in {folder.root}.")
    return metrics


def name_stages(folder: RunFolder, stages: dict[str, str]) -> None:
    """Writes into the root's configuration which stages the repository has by now."""
    config = MMCoTConfig.from_pretrained(folder.root)
    if config.stages != stages:
        config.stages = stages
        config.save_pretrained(folder.root)


def main_score(metrics: dict[str, Any]) -> str:
    """The most important score in words."""
    if ACCURACY.name in metrics:
        return f"Accuracy {ACCURACY.text(metrics[ACCURACY.name][AVERAGE.name]['value'])}"
    score = metrics["rationale"][ROUGE_L_OFFICIAL.name]
    return f"{ROUGE_L_OFFICIAL.label} {ROUGE_L_OFFICIAL.text(score['value'])}"
