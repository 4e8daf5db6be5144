"""A file of predictions is scored, compared and reported on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from .ablations import ablation_table
from .comparison import compare
from .predictions import read_predictions
from .report import write_report
from .scores import evaluate


def evaluate_file(
    path: str | Path,
    dataset: datasets.Dataset,
    output: str | Path,
    by: Sequence[str] = (),
    encoder: str | Path | None = None,
    compare_path: str | Path | None = None,
    ablated: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> dict[str, Any]:
    """Scores a file of predictions and writes `metrics.json`, `report.html` and charts.

    Args:
        path: predictions as JSON lines.
        dataset: the problems they answer, with labels.
        output: folder to write into.
        by, encoder: see [`evaluate`].
        compare_path: predictions of another system for the same problems.
        ablated: of the same system, what [`run_ablations`] returned.

    Returns:
        The metrics.

    Raises:
        ValueError: as [`read_predictions`] and [`evaluate`] do.
    """
    predictions = read_predictions(path)
    comparison = None
    if compare_path is not None:
        others = read_predictions(compare_path)
        comparison = {"other": Path(compare_path).name, **compare(predictions, others, dataset)}
    ablations = ablation_table(predictions, ablated, dataset) if ablated else None
    metrics = evaluate(predictions, dataset, by, encoder)
    write_report(output, predictions, dataset, metrics, ablations, comparison)
    return metrics


def headline(metrics: Mapping[str, Any]) -> str:
    """The scores in one sentence."""
    score, guessing = metrics["accuracy"]["average"], metrics["chance"]["average"]
    right = round(score["value"] * score["n"] / 100)
    return (
        f"{right} of {score['n']} problems right: {score['value']:.1f} %, 95 % interval {score['low']:.1f} to "
        f"{score['high']:.1f} %; guessing gives {guessing:.1f} %. "
        f"{metrics['unparsed']} answers name no option and {metrics['missing']} are missing; both count as wrong."
    )
