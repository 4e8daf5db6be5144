"""The two-stage run: train the rationale model, let it write, train the answer model, score what they say together.

mmcot train configuration/sketchqa.yaml
"""

import shutil
import time
from collections.abc import Callable
from typing import Any

import datasets
import torch

from mmcot.configuration import Recipe, StageArguments
from mmcot.hub_card import write_card
from mmcot.modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.modeling_mmcot.configuration_mmcot import ANSWER, RATIONALE
from mmcot.training.collator import GENERATED_RATIONALE
from mmcot.training.curves import plot_curves
from mmcot.training.data import load_splits
from mmcot.training.evaluation import evaluate
from mmcot.training.inference import prediction_rows, write
from mmcot.training.parts import build_model, build_processor
from mmcot.training.run_folder import STAGE_FOLDERS, RunFolder
from mmcot.training.trainer import MMCoTTrainer


Say = Callable[[str], None]


def run_two_stage(recipe: Recipe, say: Say = print) -> dict[str, Any]:
    """Trains both stages into `recipe.output_dir` and scores them on the evaluation split.

    What an earlier, interrupted call finished is not done again.

    Args:
        recipe: the run.
        say: told at each step what happens.

    Returns:
        What `metrics.json` holds.
    """
    folder = RunFolder(recipe)
    if folder.finished("evaluation"):
        say(f"{folder.root} is complete; nothing to do. Remove the folder to train again.")
        return folder.read_json("metrics.json")
    say(device_line())
    splits = load_run_splits(recipe)
    processor = prepare_processor(recipe, folder, splits["train"])
    rationale_model = train_stage(RATIONALE, recipe, folder, processor, splits, say)
    splits = write_rationales(rationale_model, folder, processor, splits, recipe, say)
    answer_model = train_stage(ANSWER, recipe, folder, processor, splits, say)
    metrics = score(answer_model, folder, processor, splits, recipe, say)
    return publishable(folder, recipe, metrics, say)


def device_line() -> str:
    """Where the training runs, said before it starts."""
    if torch.cuda.is_available():
        return f"Training on {torch.cuda.device_count()} x {torch.cuda.get_device_name()}."
    return f"Training on the CPU, {torch.get_num_threads()} threads."


def load_run_splits(recipe: Recipe) -> datasets.DatasetDict:
    """The splits of a run, with no more validation problems than the recipe wants scored while training."""
    splits = load_splits(recipe.dataset)
    limit = min(recipe.evaluation.validation_limit, len(splits["validation"]))
    splits["validation"] = splits["validation"].select(range(limit))
    return splits


def prepare_processor(recipe: Recipe, folder: RunFolder, train: datasets.Dataset) -> MMCoTProcessor:
    """The run's processor: the saved one where an earlier call made it."""
    if not folder.finished("processor"):
        build_processor(recipe, train).save_pretrained(folder.root)
        folder.finish("processor")
    return MMCoTProcessor.from_pretrained(folder.root)


def train_stage(
    stage: str,
    recipe: Recipe,
    folder: RunFolder,
    processor: MMCoTProcessor,
    splits: datasets.DatasetDict,
    say: Say,
) -> MMCoTForConditionalGeneration:
    """Trains the model of one stage, from its last checkpoint on, or loads it where it is done."""
    path, arguments = folder.stage(stage), getattr(recipe, stage)
    if not folder.finished(stage):
        say(f"Training the {stage} model on {len(splits['train'])} problems.")
        model = build_model(recipe, stage, arguments, processor.tokenizer, folder.stage(RATIONALE))
        model.config.stages = dict(STAGE_FOLDERS)
        folder.require_space(4 * model.num_parameters())
        record = fit(model, stage, arguments, processor, splits, folder.last_checkpoint(arguments.output_dir))
        model.save_pretrained(path)
        folder.write_json(f"run/{stage}.json", record)
        folder.finish(stage)
        shutil.rmtree(arguments.output_dir, ignore_errors=True)
        say(f"The {stage} model took {record['seconds']:.0f} s for {record['steps']} steps.")
    return MMCoTForConditionalGeneration.from_pretrained(path)


def fit(
    model: MMCoTForConditionalGeneration,
    stage: str,
    arguments: StageArguments,
    processor: MMCoTProcessor,
    splits: datasets.DatasetDict,
    checkpoint: str | None = None,
) -> dict[str, Any]:
    """Trains a model in place.

    Returns:
        `seconds`, `steps`, and the Trainer's log as `history`.
    """
    generation_config = model.generation_config.to_dict()
    trainer = MMCoTTrainer(model, arguments, stage, processor, splits["train"], splits["validation"])
    start = time.perf_counter()
    trainer.train(resume_from_checkpoint=checkpoint)
    # The Trainer's evaluation writes its own defaults into the generation settings.
    model.generation_config = type(model.generation_config).from_dict(generation_config)
    return {
        "seconds": time.perf_counter() - start,
        "steps": trainer.state.global_step,
        "history": trainer.state.log_history,
    }


def write_rationales(
    model: MMCoTForConditionalGeneration,
    folder: RunFolder,
    processor: MMCoTProcessor,
    splits: datasets.DatasetDict,
    recipe: Recipe,
    say: Say,
) -> datasets.DatasetDict:
    """The splits that are scored, each problem with the rationale that stage 1 writes for it."""
    for split in ("validation", recipe.evaluation.split):
        name = f"run/rationales_{split}.jsonl"
        if not folder.finished(name):
            say(f"Writing rationales for the {len(splits[split])} problems of {split}.")
            texts = write(model, processor, splits[split], RATIONALE, batch_size=recipe.evaluation.batch_size)
            rows = zip(splits[split]["id"], texts, strict=True)
            folder.write_rows(name, [{"id": identifier, "rationale": text} for identifier, text in rows])
            folder.finish(name)
        written = {row["id"]: row["rationale"] for row in folder.read_rows(name)}
        column = [written[identifier] for identifier in splits[split]["id"]]
        splits[split] = splits[split].add_column(GENERATED_RATIONALE, column)
    return splits


def score(
    answer_model: MMCoTForConditionalGeneration,
    folder: RunFolder,
    processor: MMCoTProcessor,
    splits: datasets.DatasetDict,
    recipe: Recipe,
    say: Say,
) -> dict[str, Any]:
    """Answers the evaluation split from the written rationales; keeps predictions and scores."""
    dataset = splits[recipe.evaluation.split]
    say(f"Answering the {len(dataset)} problems of {recipe.evaluation.split}.")
    rationales = dataset[GENERATED_RATIONALE]
    answers = write(answer_model, processor, dataset, ANSWER, rationales, batch_size=recipe.evaluation.batch_size)
    predictions = prediction_rows(dataset, processor, answers, rationales)
    folder.write_rows("predictions.jsonl", predictions)
    metrics = evaluate(predictions, dataset, recipe.evaluation.by)
    metrics["training"] = {
        stage: {name: folder.read_json(f"run/{stage}.json")[name] for name in ("seconds", "steps")}
        for stage in STAGE_FOLDERS
    }
    metrics["truncation"] = vars(processor.truncation)
    return metrics


def publishable(folder: RunFolder, recipe: Recipe, metrics: dict[str, Any], say: Say) -> dict[str, Any]:
    """Completes the run folder: scores, curves and card."""
    folder.write_json("metrics.json", metrics)
    histories = {stage: folder.read_json(f"run/{stage}.json")["history"] for stage in STAGE_FOLDERS}
    plot_curves(histories, folder.root / "curves.png")
    write_card(folder.root, recipe.settings, metrics)
    folder.finish("evaluation")
    average = metrics["accuracy"]["average"]["value"]
    say(f"Accuracy {average:.1f} % on {recipe.evaluation.split}. Everything is in {folder.root}.")
    return metrics
