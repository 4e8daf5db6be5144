"""A file of predictions is scored, compared and reported on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from ..configuration.ablations import BLANK
from ..configuration.metrics import ACCURACY, AUROC, AVERAGE, CALIBRATION_ERROR
from .ablations import measure_ablations
from .baselines import judge
from .comparison import compare_predictions
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
    blank: Sequence[Mapping[str, Any]] = (),
    train: datasets.Dataset | None = None,
) -> dict[str, Any]:
    """Scores a file of predictions and writes `metrics.json`, `report.html` and charts.

    Args:
        path: predictions as JSON lines.
        dataset: the examples they answer, with labels.
        output: folder to write into.
        by, encoder: see [`evaluate`].
        compare_path: predictions of another system for the same examples.
        ablated: of the same system, what [`run_ablations`] returned.
        blank: its predictions with blank pictures, where they are not among those.
        train: the training split, if it is at hand.

    Returns:
        What `metrics.json` then holds.

    Raises:
        ValueError: as [`read_predictions`] and [`evaluate`] do.
    """
    predictions = read_predictions(path)
    comparison = None
    if compare_path is not None:
        others = read_predictions(compare_path)
        comparison = {"other": Path(compare_path).name, **compare_predictions(predictions, others, dataset)}
    ablations = measure_ablations(predictions, ablated, dataset) if ablated else None
    blank = (ablated or {}).get(BLANK.name, blank)
    metrics = judge(predictions, dataset, blank, train) | evaluate(predictions, dataset, by, encoder)
    return write_report(output, predictions, dataset, metrics, ablations, comparison)


def headline(metrics: Mapping[str, Any]) -> str:
    """The scores in words."""
    score = metrics[ACCURACY.name][AVERAGE.name]
    guessing = metrics["chance"][AVERAGE.name]
    right = round(score["value"] * score["n"] / ACCURACY.scale)
    confidence = metrics["confidence"]
    trust = ""
    if confidence:
        error, tells_apart = confidence[CALIBRATION_ERROR.name], confidence[AUROC.name]
        trust = f" Confidences are off by {error:.1f} points on average"
        trust += (
            "." if tells_apart is None else f" and tell right from wrong with an AUROC of {AUROC.text(tells_apart)}."
        )
    return (
        f"{right} of {score['n']} problems right: {ACCURACY.text(score['value'])}, 95 % interval "
        f"{ACCURACY.interval(score)} %; guessing gives {ACCURACY.text(guessing)}. "
        f"{metrics['unparsed']} answers name no option and {metrics['missing']} are missing; both count as wrong."
        f"{trust}"
    )
