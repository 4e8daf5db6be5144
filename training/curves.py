"""Training curves as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


# Scores that a log may hold: what they are called, what makes percent of them, and their colour.
SCORES = {"eval_rouge_l": ("ROUGE-L of rationales", 100, "C2"), "eval_accuracy": ("accuracy of answers", 1, "C3")}


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
        for score, (label, factor, colour) in SCORES.items():
            draw_points(right, history, score, label, colour, factor)
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
