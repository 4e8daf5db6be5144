"""Training curves as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..configuration.metrics import METRICS


def plot_curves(histories: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> None:
    """Draws loss and validation score of each model over its epochs.

    Args:
        histories: the Trainer's `log_history` by model.
        path: PNG file to write.
    """
    figure = Figure(figsize=(4.5 * len(histories), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(histories), squeeze=False)[0]
    for axes, (name, history) in zip(panels, histories.items(), strict=True):
        draw_points(axes, history, "loss", "training loss", "C0")
        draw_points(axes, history, "eval_loss", "validation loss", "C1")
        axes.set(title=f"{name} model", xlabel="epoch", ylabel="loss", yscale="log")
        right = axes.twinx()
        right.set(ylabel="score (%)", ylim=(0, 103))
        for position, metric in enumerate(METRICS.values()):
            draw_points(right, history, f"eval_{metric.name}", metric.label, f"C{position + 2}", 100 / metric.scale)
        lines = [*axes.get_lines(), *right.get_lines()]
        axes.legend(lines, [line.get_label() for line in lines], fontsize=7, loc="center right")
    figure.savefig(path, dpi=120)


def draw_points(
    axes, history: Sequence[Mapping[str, Any]], name: str, label: str, colour: str, factor: float = 1
) -> None:
    """One curve, where the log has it."""
    points = [(entry["epoch"], factor * entry[name]) for entry in history if name in entry]
    if points:
        axes.plot(*zip(*points, strict=True), label=label, color=colour, marker="." if len(points) < 15 else None)
