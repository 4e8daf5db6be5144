"""Writes `metrics.json`, the charts and `report.html` into a folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...configuration.ablations import ABLATIONS
from ...configuration.metrics import ACCURACY, CLASSES, CONCLUSION, DIRECT_ANSWER, METRICS, PAIR_METRICS, scored_kinds
from ...configuration.plain_files import replace_text
from ...configuration.repository import METRICS_FILE
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
) -> dict[str, Any]:
    """Writes a report that needs nothing but a browser.

    Args:
        folder: gets `metrics.json`, `report.html`, `accuracy.png`, and where there is something to draw in them
            `ablations.png`, `early_answering.png` and `confidence.png`; of problems without options the same, with
            `without_options_` before their names.
        predictions, dataset: what was scored; the report shows the wrong answers with their images.
        metrics: what [`evaluate`] returned for them, for each kind of problems with what else there is:
            `verdict` and `baselines`, see [`judge`]; `ablations`, see [`measure_ablations`], with what they come to,
            see [`conclude`]; `comparison`, what [`compare_predictions`] returned, these predictions first; `other` in
            it names the others.

    Returns:
        What `metrics.json` then holds.
    """
    folder, scores = Path(folder), dict(metrics)
    text = json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False)
    answered = match_predictions(predictions, dataset)
    parts = []
    for kind, found in scored_kinds(scores):
        groups = found[kind.score.name]
        classes = {name: groups[name] for name in CLASSES if name in groups}
        parts.append(
            {
                "kind": kind,
                "metrics": found,
                "classes": classes,
                "columns": {name: group for name, group in groups.items() if name not in CLASSES},
                "chance": found.get("chance"),
                "rationale_scores": {name: found[name] for name in [CONCLUSION.name] if name in found}
                | found["rationale"],
                "charts": draw_charts(found, classes),
                "mistakes": sort_mistakes(answered, dataset, kind),
            }
        )
    page = template().render(
        title=folder.resolve().name,
        parts=parts,
        accuracy=ACCURACY,
        counts=scores,
        known_metrics=METRICS,
        class_meanings={each.name: each.meaning for each in CLASSES.values()},
        ablation_meanings={ablation.name: ablation.meaning for ablation in ABLATIONS.values()},
        pair_metrics=PAIR_METRICS,
        direct_answer=DIRECT_ANSWER,
        baseline_meanings=BASELINE_MEANINGS,
        shown=SHOWN,
    )
    # Only now, when nothing can go wrong any more but the disk.
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        beginning = f"{part['kind'].key}_" if part["kind"].key else ""
        for name, chart in part["charts"].items():
            (folder / f"{beginning}{name}.png").write_bytes(chart["light"])
    replace_text(folder / "report.html", page)
    replace_text(folder / METRICS_FILE, text + "\n")
    return scores


def draw_charts(scores: Mapping[str, Any], classes: Mapping[str, Any]) -> dict[str, dict[str, bytes]]:
    """The charts of a kind of problems by name, as far as there is something to draw."""
    charts = {"accuracy": draw(accuracy_chart, classes, scores.get("chance"))}
    if "ablations" in scores:
        charts["ablations"] = draw(ablation_chart, scores["ablations"])
    if "early_answering" in scores:
        charts["early_answering"] = draw(curve_chart, scores["early_answering"])
    if scores["confidence"]:
        charts["confidence"] = draw(confidence_chart, scores["confidence"])
    return charts


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
