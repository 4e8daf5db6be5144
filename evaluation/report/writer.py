"""Writes `metrics.json`, the charts and `report.html` into a folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ...configuration.ablations import ABLATIONS
from ...configuration.metrics import ACCURACY, CLASSES, METRICS
from ..predictions import match_predictions
from .charts import DARK, LIGHT, ablation_chart, accuracy_chart
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
        folder: gets `metrics.json`, `report.html`, `accuracy.png` and, with ablations, `ablations.png`.
        predictions, dataset: what was scored; the report shows the wrong answers with their images.
        metrics: what [`evaluate`] returned for them.
        ablations: what [`measure_ablations`] returned.
        comparison: what [`compare_predictions`] returned, these predictions first; `other` in it names the others.

    Returns:
        What `metrics.json` then holds.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    scores = dict(metrics)
    if ablations is not None:
        scores["ablations"] = ablations
    if comparison is not None:
        scores["comparison"] = comparison
    text = json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")
    classes = {name: metrics["accuracy"][name] for name in CLASSES if name in metrics["accuracy"]}
    charts = {"accuracy": draw(folder / "accuracy.png", accuracy_chart, classes, metrics["chance"])}
    if ablations is not None:
        charts["ablations"] = draw(folder / "ablations.png", ablation_chart, ablations)
    page = template().render(
        title=folder.resolve().name,
        metrics=metrics,
        classes=classes,
        columns={name: groups for name, groups in metrics["accuracy"].items() if name not in CLASSES},
        accuracy=ACCURACY,
        known_metrics=METRICS,
        class_meanings={each.name: each.meaning for each in CLASSES.values()},
        ablation_meanings={ablation.name: ablation.meaning for ablation in ABLATIONS.values()},
        charts=charts,
        ablations=ablations,
        comparison=comparison,
        kinds=sort_mistakes(match_predictions(predictions, dataset), dataset),
        shown=SHOWN,
    )
    (folder / "report.html").write_text(page, encoding="utf-8")
    return scores


def draw(path: Path, chart: Callable[..., bytes], *values: Any) -> dict[str, str]:
    """Writes a chart and returns it as addresses, `light` and `dark`, for the page."""
    light, dark = (chart(*values, theme=theme) for theme in (LIGHT, DARK))
    path.write_bytes(light)
    return {"light": data_uri(light, "png"), "dark": data_uri(dark, "png")}


def template() -> Any:
    """The page, with its ways of writing numbers. All that is filled in is escaped."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(signed=signed, p_value=p_value)
    return environment.get_template(TEMPLATE)


def signed(value: float) -> str:
    """A difference with its sign."""
    return f"{round(value, 1) + 0.0:+.1f}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float) -> str:
    """A p-value in words of a formula."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
