"""Rationales between the stages: what the answer model reads instead of the gold ones."""

from dataclasses import replace

import datasets

from ..data.examples import GENERATED_RATIONALE
from ..inference.row_files import BATCHES_PER_CHUNK, complete_rows
from ..modeling_mmcot.configuration_mmcot import RATIONALE
from .run import Run
from .train_model import TrainedModel, load_model, train_into


def generate_rationales(run: Run, model: TrainedModel) -> None:
    """Adds to each split that is scored what the rationale model writes for its problems."""
    for split in {"validation": None, run.recipe.evaluation.split: None}:
        dataset = run.splits[split]
        written = rationales_of(run, model, dataset, f"rationales_{split}.jsonl")
        run.splits[split] = dataset.add_column(GENERATED_RATIONALE, written)


def cross_fit_rationales(run: Run) -> None:
    """Adds to the training split rationales by models that did not train on the problems they write for.

    Each of `folds` models trains on all but one part of the split and writes for that part. With gold rationales the
    answer model would learn to trust a text that at work it never gets.
    """
    train, folds = run.splits["train"], run.recipe.folds
    parts = [train.shard(folds, index, contiguous=True) for index in range(folds)]
    written = []
    for index, part in enumerate(parts):
        others = datasets.concatenate_datasets(parts[:index] + parts[index + 1 :])
        model = fold_model(run, index, others)
        written += rationales_of(run, model, part, f"rationales_train_{index}.jsonl")
    run.splits["train"] = train.add_column(GENERATED_RATIONALE, written)


def fold_model(run: Run, index: int, train: datasets.Dataset) -> TrainedModel:
    """A rationale model that knows only a part of the training split; no part of the repository."""
    path, phase = run.folder.state / "folds" / str(index), f"{RATIONALE} fold {index}"
    arguments = run.recipe.training[RATIONALE]
    arguments = replace(arguments, output_dir=f"{arguments.output_dir}_fold_{index}")
    if not run.folder.finished(phase):
        run.say(f"Part {index + 1} of {run.recipe.folds}: rationales for the training split.")
        train_into(path, run, RATIONALE, arguments, train)
        run.folder.finish(phase)
        run.folder.drop_checkpoints(arguments.output_dir)
    return load_model(run, path, arguments)


def rationales_of(run: Run, model: TrainedModel, dataset: datasets.Dataset, name: str) -> list[str]:
    """What a model writes for each problem; what an earlier call wrote is not written again."""

    def make_rows(part: datasets.Dataset) -> list[dict[str, str]]:
        texts, _ = model.generate(run, part, RATIONALE)
        return [{"id": identifier, "rationale": text} for identifier, text in zip(part["id"], texts, strict=True)]

    chunk = BATCHES_PER_CHUNK * run.recipe.evaluation.batch_size
    rows = complete_rows(run.folder.state / name, dataset, make_rows, chunk, f"rationales ({len(dataset)} problems)")
    return [row["rationale"] for row in rows]
