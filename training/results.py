"""What a run comes to: the predictions of its models, their scores, curves and the card."""

import shutil
from collections.abc import Mapping
from typing import Any

import datasets
import torch
from accelerate import PartialState

from ..configuration.metrics import (
    AVERAGE,
    CONCLUSION,
    DIRECT_ANSWER,
    KINDS,
    ROUGE_L_OFFICIAL,
    Kind,
    open_kinds,
    scored_kinds,
)
from ..configuration.repository import METRICS_FILE, PREDICTIONS_FILE
from ..data.image_column import without_images
from ..evaluation.baselines import judge
from ..evaluation.scores import evaluate, with_whole_rationales
from ..hub_card import write_card
from ..hub_card.card import library_versions
from ..inference.generation import prediction_rows
from ..inference.row_files import BATCHES_PER_CHUNK, complete_rows, write_rows
from ..modeling_mmcot import MMCoTConfig, MMCoTProcessor
from ..modeling_mmcot.stage_records_mmcot import ANSWER, RATIONALE
from .blind import answer_blindly
from .collator import build_row_prompt
from .curves import plot_curves
from .example import choose_example
from .rationales import written_by
from .run import Run
from .train_model import TrainedModel


Predictions = list[dict[str, Any]]


def hardware() -> str:
    """What the training runs on."""
    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name()}"
    return f"the CPU, {torch.get_num_threads()} threads"


def generate_predictions(run: Run, model: TrainedModel, stage: str) -> Predictions:
    """Answers the scored split, from what earlier stages wrote; what an earlier call answered is kept."""
    split = run.recipe.evaluation.split
    run.say(f"Answering the {len(run.scored)} problems of {split}.")

    def make_rows(part: datasets.Dataset) -> Predictions:
        written = written_by(part, stage) | {stage: model.generate(run, part, stage)}
        return prediction_rows(part, run.processor, written, run.temperatures)

    chunk = BATCHES_PER_CHUNK * run.recipe.evaluation.batch_size
    path = run.folder.state / f"predictions_{split}.jsonl"
    return complete_rows(path, run.scored, make_rows, chunk, "answers", text="answer_text")


def rationale_predictions(run: Run) -> Predictions:
    """What the rationale model alone predicts: no answers."""
    return prediction_rows(run.scored, run.processor, written_by(run.scored, ANSWER))


def score_run(run: Run, predictions: Predictions) -> dict[str, Any]:
    """Completes the run folder: predictions, scores, curves and card; gives what `metrics.json` holds."""
    recipe, folder = run.recipe, run.folder
    records = {name: folder.read_json(f"run/{name}.json") for name in run.plan.models}
    metrics = evaluate(predictions, with_whole_rationales(run.scored, run.processor), recipe.evaluation.by)
    if recipe.mode == RATIONALE:
        metrics = without_answers(metrics)
    else:
        blank = answer_blindly(run, predictions, sum(record["seconds"] for record in records.values()))
        train = None if recipe.evaluation.split == "train" else run.splits["train"]
        metrics = open_kinds(metrics, lambda kind: judge(predictions, run.scored, blank, train, kind))
    metrics["training"] = {
        name: {key: record[key] for key in ("seconds", "steps")} for name, record in records.items()
    }
    metrics["truncation"] = count_cuts(run)
    metrics["skipped"] = run.skipped
    metrics["hardware"], metrics["versions"] = hardware(), library_versions()
    if PartialState().is_main_process:
        write_rows(folder.root / PREDICTIONS_FILE, predictions)
        sees = complete_config(run).vision_config is not None
        metrics["example"] = choose_example(run.scored, predictions, sees, folder.root)
        folder.write_json(METRICS_FILE, metrics)
        plot_curves({name: record["history"] for name, record in records.items()}, folder.root / "curves.png")
        write_card(folder.root, recipe.settings, metrics)
        shutil.rmtree(folder.state / "folds", ignore_errors=True)
    folder.finish(f"evaluation of {recipe.mode}")
    run.say(f"{main_score(metrics)} on {recipe.evaluation.split}. Everything is in {folder.root}.")
    for kind, scores in scored_kinds(metrics):
        if "verdict" in scores:
            run.say(kind.say(scores["verdict"]))
    return metrics


def without_answers(metrics: dict[str, Any]) -> dict[str, Any]:
    """Scores of a run that gave no answers: those of its rationales."""
    of_answers = {*(kind.score.name for kind in KINDS), DIRECT_ANSWER.name, "unparsed"}
    kept = {name: value for name, value in metrics.items() if name not in of_answers}
    nested = {kind.key: without_answers(kept[kind.key]) for kind in KINDS if kind.key in kept}
    return kept | nested


def count_cuts(run: Run) -> dict[str, int]:
    """What the prompts of the run lose because they are too long, each counted once for each stage that reads it.

    Counted here, not while the models read: whatever interrupted the run, the numbers are the same.
    """
    processor = MMCoTProcessor.from_pretrained(run.folder.root)
    for split in run.splits.values():
        rows = without_images(split).to_list()
        for stage in run.plan.stages:
            processor.encode_prompts([build_row_prompt(processor, row, stage) for row in rows])
    return vars(processor.truncation)


def complete_config(run: Run) -> MMCoTConfig:
    """Writes into the root's configuration which stages the repository has by now, and how sure they may sound; gives
    the configuration."""
    config = MMCoTConfig.from_pretrained(run.folder.root)
    config.stages = run.plan.stages
    config.confidence_temperature, config.words_temperature = run.temperatures.of_options, run.temperatures.of_words
    config.save_pretrained(run.folder.root)
    return config


def main_score(metrics: Mapping[str, Any]) -> str:
    """The most important score of each kind of problems in words."""
    return ", ".join(score_of_kind(kind, scores) for kind, scores in scored_kinds(metrics))


def score_of_kind(kind: Kind, scores: Mapping[str, Any]) -> str:
    """The most important score of a kind of problems in words."""
    if kind.score.name in scores:
        return f"{kind.score.label.capitalize()} {kind.score.text(scores[kind.score.name][AVERAGE.name]['value'])}"
    if not scores["rationale"]:
        return "No rationale at all"
    score = scores["rationale"][ROUGE_L_OFFICIAL.name]
    likeness = f"{ROUGE_L_OFFICIAL.label} {ROUGE_L_OFFICIAL.text(score['value'])}"
    return f"Right conclusion {CONCLUSION.text(scores[CONCLUSION.name]['value'])}, {likeness}"
