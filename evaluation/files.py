"""A file of predictions is scored, compared and reported on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from ..configuration.ablations import BLANK
from ..configuration.metrics import (
    ACCURACY,
    AUROC,
    AVERAGE,
    CALIBRATION_ERROR,
    DIRECT_ANSWER,
    WITH_OPTIONS,
    Kind,
    add_to_kinds,
    open_kinds,
    scored_kinds,
)
from .ablations import measure_ablations
from .baselines import judge
from .comparison import compare_predictions
from .findings import conclude
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
    others = None if compare_path is None else read_predictions(compare_path)
    blank = (ablated or {}).get(BLANK.name, blank)

    def compared(kind: Kind) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if ablated:
            ablations = measure_ablations(predictions, ablated, dataset, kind)
            found |= {"ablations": ablations, **conclude(ablations)}
        if others is not None:
            other = Path(str(compare_path)).name
            found["comparison"] = {"other": other, **compare_predictions(predictions, others, dataset, kind)}
        return found

    metrics = evaluate(predictions, dataset, by, encoder)
    metrics = open_kinds(metrics, lambda kind: judge(predictions, dataset, blank, train, kind))
    return write_report(output, predictions, dataset, add_to_kinds(metrics, compared))


def headline(metrics: Mapping[str, Any]) -> str:
    """Verdict and scores in words, for each kind of problems."""
    lines = []
    for kind, scores in scored_kinds(metrics):
        lines += [kind.say(scores["verdict"])] if "verdict" in scores else []
        lines.append(scores_in_words(kind, scores))
    return "\n".join(lines)


def scores_in_words(kind: Kind, scores: Mapping[str, Any]) -> str:
    """The scores of a kind of problems in words."""
    score = scores[kind.score.name][AVERAGE.name]
    right = round(score["value"] * score["n"] / ACCURACY.scale)
    confidence = scores["confidence"]
    trust = ""
    if confidence:
        error, tells_apart = confidence[CALIBRATION_ERROR.name], confidence[AUROC.name]
        trust = f" Confidences are off by {error:.1f} points on average"
        trust += (
            "." if tells_apart is None else f" and tell right from wrong with an AUROC of {AUROC.text(tells_apart)}."
        )
    beside, problems, unread = "", "problems without options", "cannot be read"
    if kind is WITH_OPTIONS:
        beside = f"; guessing gives {ACCURACY.text(scores['chance'][AVERAGE.name])}"
        problems, unread = "problems", "name no option"
    elif DIRECT_ANSWER.name in scores:
        beside = f"; the direct-answer score is {DIRECT_ANSWER.text(scores[DIRECT_ANSWER.name]['value'])}"
    return (
        f"{right} of {score['n']} {problems} right: {ACCURACY.text(score['value'])}, 95 % interval "
        f"{ACCURACY.interval(score)} %{beside}. "
        f"{scores['unparsed']} answers {unread} and {scores['missing']} are missing; both count as wrong."
        f"{trust}"
    )
