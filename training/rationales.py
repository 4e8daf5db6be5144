"""Texts between the stages: what a later model reads instead of the gold ones."""

from dataclasses import replace

import datasets

from ..data.examples import certainty_column, written_column
from ..inference.row_files import BATCHES_PER_CHUNK, Row, complete_rows
from ..modeling_mmcot.confidence_mmcot import Written
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, STAGES
from .checkpoints import drop_checkpoints
from .run import Run
from .train_model import TrainedModel, load_model, train_into


LOGARITHM_DIGITS = 3


def generate_for_next_stage(run: Run, model: TrainedModel, stage: str) -> None:
    """Adds to each split that is scored what the model of a stage writes for its examples."""
    for split in {"validation": None, run.recipe.evaluation.split: None}:
        dataset = run.splits[split]
        rows = rows_of(run, model, dataset, stage, f"{stage}s_{split}.jsonl")
        dataset = dataset.add_column(written_column(stage), [row[stage] for row in rows])
        # Rows of a run that an earlier version began say nothing of it.
        certainty = [row.get("log_probability") for row in rows]
        run.splits[split] = dataset.add_column(certainty_column(stage), certainty)


def cross_fit_rationales(run: Run) -> None:
    """Adds to the training split rationales by models that did not train on the examples they write for.

    Each of `folds` models trains on all but one part of the split and writes for that part. With gold rationales the
    answer model would learn to trust a text that at work it never gets.
    """
    train, folds = run.splits["train"], run.recipe.folds
    parts = [train.shard(folds, index, contiguous=True) for index in range(folds)]
    written = []
    for index, part in enumerate(parts):
        others = datasets.concatenate_datasets(parts[:index] + parts[index + 1 :])
        # The model has no name, so that it is not held while the next one is trained.
        rows = rows_of(run, fold_model(run, index, others), part, RATIONALE, f"rationales_train_{index}.jsonl")
        written += [row[RATIONALE] for row in rows]
    run.splits["train"] = train.add_column(written_column(RATIONALE), written)


def fold_model(run: Run, index: int, train: datasets.Dataset) -> TrainedModel:
    """A rationale model that knows only a part of the training split; no part of the repository."""
    path, phase = run.folder.state / "folds" / str(index), f"{RATIONALE} fold {index}"
    arguments = run.recipe.training[RATIONALE]
    arguments = replace(arguments, output_dir=f"{arguments.output_dir}_fold_{index}")
    if not run.folder.finished(phase):
        run.say(f"Part {index + 1} of {run.recipe.folds}: rationales for the training split.")
        train_into(path, run, RATIONALE, arguments, train)
        run.folder.finish(phase)
    drop_checkpoints(arguments.output_dir)
    return load_model(run, path, arguments)


def written_by(dataset: datasets.Dataset, stage: str) -> dict[str, list[Written]]:
    """What models wrote of the texts that a stage reads, as [`generate_for_next_stage`] added it, by their stages."""
    return {
        earlier: [
            Written(text, log_probability=certainty)
            for text, certainty in zip(
                dataset[written_column(earlier)][:], dataset[certainty_column(earlier)][:], strict=True
            )
        ]
        for earlier in STAGES[stage].reads
    }


def rows_of(run: Run, model: TrainedModel, dataset: datasets.Dataset, stage: str, name: str) -> list[Row]:
    """What a model writes for each example; what an earlier call wrote is not written again."""

    def make_rows(part: datasets.Dataset) -> list[Row]:
        return [
            {"id": identifier, stage: written.text, "log_probability": rounded(written.log_probability)}
            for identifier, written in zip(part["id"], model.generate(run, part, stage), strict=True)
        ]

    chunk = BATCHES_PER_CHUNK * run.recipe.evaluation.batch_size
    label = f"{stage}s ({len(dataset)} problems)"
    return complete_rows(run.folder.state / name, dataset, make_rows, chunk, label, text=stage)


def rounded(logarithm: float | None) -> float | None:
    """A logarithm in as many digits as do not depend on which examples shared a batch, which a stop changes."""
    return None if logarithm is None else round(logarithm, LOGARITHM_DIGITS)
