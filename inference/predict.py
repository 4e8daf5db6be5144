"""A trained folder answers a data set into a file, which grows as it goes and survives a killed process."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
from accelerate import PartialState

from ..configuration import DataArguments
from ..data import load_splits, pick_split
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.stages_mmcot import StageModels
from .features import FeatureCache, open_caches
from .generation import predict, visible
from .row_files import BATCHES_PER_CHUNK, complete_rows


def load_trained(model: str) -> tuple[StageModels, MMCoTProcessor, dict[str, FeatureCache]]:
    """The models of a trained folder or Hub id, ready on this process's device, their processor, and the caches of
    what their frozen towers say of pictures.

    Raises:
        ValueError: for a folder whose training has not come to an end.
    """
    root = MMCoTForConditionalGeneration.from_pretrained(model)
    for stage, folder in root.config.stages.items() if Path(model).is_dir() else ():
        if not Path(model, folder).is_dir():
            raise ValueError(f"{model} has no {stage} model yet; repeat its training command, which goes on.")
    models = StageModels(root)
    for stage in models:
        models[stage].to(PartialState().device).eval()
    processor = MMCoTProcessor.from_pretrained(model)
    return models, processor, open_caches(models, processor)


def predict_file(
    model: str,
    spec: str,
    split: str,
    output: Path,
    data: DataArguments | None = None,
    batch_size: int = 32,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Answers a split of a data set; what an interrupted call with the same arguments answered is kept.

    Args:
        model: trained folder or Hub id.
        spec: data set, see `mmcot.data.load_splits`.
        output: JSON-lines file of predictions; beside it, `.run.json` notes what they were made from.
        batch_size: problems generated together.

    Raises:
        ValueError: if the file holds predictions of another model or data set.
    """
    data = data or DataArguments()
    dataset = visible(pick_split(load_splits(spec, data), split))
    claim(output, {"model": model, "weights": weight_stamps(model), "dataset": spec, "split": split, **asdict(data)})
    models, processor, features = load_trained(model)
    for cache in features.values():
        cache.fill(dataset)

    def make_rows(part: datasets.Dataset) -> list[dict[str, Any]]:
        return predict(models, processor, part, features=features, batch_size=batch_size)

    rows = complete_rows(output, dataset, make_rows, BATCHES_PER_CHUNK * batch_size, "predictions")
    if PartialState().is_main_process:
        unparsed = sum(row["unparsed"] for row in rows)
        say(f"{len(rows)} predictions in {output}, {unparsed} of them without an answer that could be read.")
    return rows


def claim(output: Path, origin: dict[str, Any]) -> None:
    """Notes what a file of predictions is made from, or refuses one that was made from something else."""
    note = output.with_suffix(".run.json")
    if output.exists():
        known = json.loads(note.read_text(encoding="utf-8")) if note.exists() else None
        if known != json.loads(json.dumps(origin)):
            raise ValueError(f"{output} exists and is not from this model and data set; remove it or name another.")
    state = PartialState()
    state.wait_for_everyone()
    if state.is_main_process:
        output.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(origin, indent=1, ensure_ascii=False), encoding="utf-8")
    state.wait_for_everyone()


def weight_stamps(model: str) -> dict[str, list[int]]:
    """Size and time of each weight file of a local folder: a model that was trained again is another one."""
    files = sorted(Path(model).rglob("*.safetensors")) if Path(model).is_dir() else []
    return {str(file.relative_to(model)): [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
