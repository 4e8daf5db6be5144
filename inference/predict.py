"""A trained folder answers a data set into a file, which grows as it goes and survives a killed process."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState

from ..configuration import DataArguments
from ..configuration.plain_files import read_json, replace_text
from ..configuration.repository import Repository, find_repository
from ..data import load_splits, pick_split
from .disk import full_disk_named, held_alone
from .generation import predict, visible
from .load import load_trained
from .onnx_predict import OnnxPredictor
from .row_files import BATCHES_PER_CHUNK, complete_rows, stream_rows


def predict_file(
    model: str,
    spec: str,
    split: str,
    output: Path,
    data: DataArguments | None = None,
    batch_size: int = 32,
    revision: str | None = None,
    export: Path | None = None,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Answers a split of a data set; what an interrupted call with the same arguments answered is kept.

    Args:
        model: trained folder or Hub id.
        spec: data set, see `mmcot.data.load_splits`.
        output: JSON-lines file of predictions; beside it, `.run.json` notes what they were made from.
        batch_size: problems generated together.
        revision: commit, tag or branch of a Hub id.
        export: the folder's export in ONNX, or the model itself where that is one; it answers instead.

    Raises:
        ValueError: if the file holds predictions of another model or data set, or another process writes it.
        OSError: if it cannot be written.
    """
    data = data or DataArguments()
    stamps = export_stamps(export) if export == Path(model) else trained_stamps(model, revision)
    dataset = visible(pick_split(load_splits(spec, data), split))
    name = f"{model}@{revision}" if revision else model
    origin = {"model": name, "weights": stamps, "dataset": spec, "split": split, **asdict(data)}
    output.parent.mkdir(parents=True, exist_ok=True)
    refusal = f"Another process writes {output}. Wait until it has ended, or name another output."
    with full_disk_named(output.parent), held_alone(output.with_name(f".{output.name}.lock"), refusal):
        claim(output, origin)
        if export is None:
            rows = predict_into(output, model, dataset, batch_size, revision)
        else:
            predictor = OnnxPredictor(export, batch_size)
            rows = stream_rows(output, dataset, predictor.predict, "predictions", text="answer_text")
    if PartialState().is_main_process:
        unparsed = sum(row["unparsed"] for row in rows)
        say(f"{len(rows)} predictions in {output}, {unparsed} of them without an answer that could be read.")
    return rows


def predict_into(
    output: Path, model: str, dataset: datasets.Dataset, batch_size: int, revision: str | None = None
) -> list[dict[str, Any]]:
    """Completes a file of predictions."""
    models, processor, features = load_trained(model, revision)
    for cache in features.values():
        cache.fill(dataset)

    def make_rows(part: datasets.Dataset) -> list[dict[str, Any]]:
        return predict(models, processor, part, features=features, batch_size=batch_size)

    return complete_rows(output, dataset, make_rows, BATCHES_PER_CHUNK * batch_size, "predictions", text="answer_text")


def claim(output: Path, origin: dict[str, Any]) -> None:
    """Notes what a file of predictions is made from, or refuses one that was made from something else."""
    note = output.with_suffix(".run.json")
    if output.exists():
        known = read_json(note, f"remove it and {output}, or name another output") if note.exists() else None
        if known != json.loads(json.dumps(origin)):
            raise ValueError(f"{output} exists and is not from this model and data set; remove it or name another.")
    state = PartialState()
    state.wait_for_everyone()
    if state.is_main_process:
        replace_text(note, json.dumps(origin, indent=1, ensure_ascii=False))
    state.wait_for_everyone()


def trained_stamps(model: str, revision: str | None) -> dict[str, list[int]]:
    """The stamps of a trained folder, which is whole."""
    repository = find_repository(model, revision)
    repository.require_whole()
    return weight_stamps(repository)


def weight_stamps(repository: Repository) -> dict[str, list[int]]:
    """Size and time of each weight file of a local folder: a model that was trained again is another one."""
    paths = [path for folder in repository.model_folders for path in repository.weight_files(folder)]
    return {} if repository.on_hub else stamps_of(repository.folder, paths)


def export_stamps(export: Path) -> dict[str, list[int]]:
    """The same of an export."""
    return stamps_of(export, [*export.glob("**/*.onnx"), *export.glob("**/*.data")])


def stamps_of(folder: Path, paths: Iterable[Path]) -> dict[str, list[int]]:
    """Size and time of files in a folder."""
    stamps = {path.relative_to(folder).as_posix(): path.stat() for path in sorted(paths)}
    return {name: [stamp.st_size, stamp.st_mtime_ns] for name, stamp in stamps.items()}
