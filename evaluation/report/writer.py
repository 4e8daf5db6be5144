"""Writes `metrics.json`, the charts and `report.html` into a folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...configuration.ablations import ABLATIONS
from ...configuration.metrics import ACCURACY, CLASSES, CONCLUSION, METRICS, PAIR_METRICS
from ...configuration.plain_files import replace_text
from ...configuration.repository import METRICS_FILE
from ..findings import conclude
from ..predictions import match_predictions
from ..verdict import BASELINE_MEANINGS
from .ablation_charts import ablation_chart, curve_chart
from .charts import DARK, LIGHT, accuracy_chart
from .confidence_charts import confidence_chart
from .mistakes import SHOWN, sort_mistakes
from .thumbnails import data_uri


TEMPLATE = "template.html"


def write_report(
    folder: str | Path,
    predictions: Sequence[Mapping[str, Any]],
    dataset: datasets.Dataset,
    metrics: Mapping[str, Any],
    ablations: Mapping[str, Any] | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Writes a report that needs nothing but a browser.

    Args:
        folder: gets `metrics.json`, `report.html`, `accuracy.png`, and where there is something to draw in them
            `ablations.png`, `early_answering.png` and `confidence.png`.
        predictions, dataset: what was scored; the report shows the wrong answers with their images.
        metrics: what [`evaluate`] returned for them.
        ablations: what [`measure_ablations`] returned.
        comparison: what [`compare_predictions`] returned, these predictions first; `other` in it names the others.

    Returns:
        What `metrics.json` then holds.
    """
    folder = Path(folder)
    scores = dict(metrics)
    if ablations is not None:
        scores |= {"ablations": ablations, **conclude(ablations)}
    if comparison is not None:
        scores["comparison"] = comparison
    text = json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False)
    classes = {name: metrics["accuracy"][name] for name in CLASSES if name in metrics["accuracy"]}
    charts = {"accuracy": draw(accuracy_chart, classes, metrics["chance"])}
    if ablations is not None:
        charts["ablations"] = draw(ablation_chart, ablations)
    if "early_answering" in scores:
        charts["early_answering"] = draw(curve_chart, scores["early_answering"])
    if metrics["confidence"]:
        charts["confidence"] = draw(confidence_chart, metrics["confidence"])
    page = template().render(
        title=folder.resolve().name,
        metrics=metrics,
        classes=classes,
        columns={name: groups for name, groups in metrics["accuracy"].items() if name not in CLASSES},
        accuracy=ACCURACY,
        known_metrics=METRICS,
        class_meanings={each.name: each.meaning for each in CLASSES.values()},
        ablation_meanings={ablation.name: ablation.meaning for ablation in ABLATIONS.values()},
        pair_metrics=PAIR_METRICS,
        rationale_scores={name: scores[name] for name in [CONCLUSION.name] if name in scores} | scores["rationale"],
        baseline_meanings=BASELINE_MEANINGS,
        charts=charts,
        ablations=ablations,
        findings=scores.get("findings", []),
        early_answering=scores.get("early_answering", {}),
        comparison=comparison,
        kinds=sort_mistakes(match_predictions(predictions, dataset), dataset),
        shown=SHOWN,
    )
    # Only now, when nothing can go wrong any more but the disk.
    folder.mkdir(parents=True, exist_ok=True)
    for name, chart in charts.items():
        (folder / f"{name}.png").write_bytes(chart["light"])
    replace_text(folder / "report.html", page)
    replace_text(folder / METRICS_FILE, text + "\n")
    return scores


def draw(chart: Callable[..., bytes], *values: Any) -> dict[str, bytes]:
    """A chart as PNG in both themes of the page."""
    return {"light": chart(*values, theme=LIGHT), "dark": chart(*values, theme=DARK)}


def template() -> Any:
    """The page, with its ways of writing numbers. All that is filled in is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(data_uri=data_uri, signed=signed, p_value=p_value, percentage=percentage)
    return environment.get_template(TEMPLATE)


def percentage(share: float) -> str:
    """A fraction in percent."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{round(value, 1) + 0.0:+.1f}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float) -> str:
    """A p-value in words of a formula."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
