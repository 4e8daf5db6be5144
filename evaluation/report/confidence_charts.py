"""What confidences are worth, drawn: whether they hold what they say, and what the surest answers are worth."""

from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .charts import LIGHT, WIDTH, Theme, png


HEIGHT = 2.7  # inches
TICKS = [0, 0.25, 0.5, 0.75, 1]


def confidence_chart(scores: Mapping[str, Any], theme: Theme = LIGHT) -> bytes:
    """Reliability beside risk and coverage.

    Args:
        scores: what [`score_confidences`] returned, of at least one answer.
        theme: colours; the background stays transparent.
    """
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    draw_reliability(prepare(left, "confidence", "share right", theme), scores, theme)
    draw_coverage(prepare(right, "share answered, surest first", "share right", theme), scores, theme)
    return png(figure)


def prepare(axes: Any, across: str, up: str, theme: Theme) -> Any:
    """Empty axes of two shares."""
    axes.set_facecolor("none")
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xticks=TICKS, yticks=TICKS)
    labels = [f"{tick:.0%}".replace("%", " %") for tick in TICKS]
    axes.set_xticklabels(labels, fontsize=7, color=theme.quiet)
    axes.set_yticklabels(labels, fontsize=7, color=theme.quiet)
    axes.set_xlabel(across, fontsize=8.5, color=theme.ink)
    axes.set_ylabel(up, fontsize=8.5, color=theme.ink)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.grid(color=theme.track, lw=0.8)
    axes.set_axisbelow(True)
    return axes


def draw_reliability(axes: Any, scores: Mapping[str, Any], theme: Theme) -> None:
    """A dot for each bin, the larger the more answers it has, beside the line of confidences that hold."""
    axes.plot([0, 1], [0, 1], color=theme.second, lw=1.2, ls="--")
    bins = scores["reliability"]
    across, up = [each["confidence"] for each in bins], [each["accuracy"] for each in bins]
    axes.plot(across, up, color=theme.accent, lw=1.2)
    axes.scatter(
        across,
        up,
        s=[12 + 120 * each["n"] / scores["n"] for each in bins],
        color=theme.accent,
        zorder=3,
        clip_on=False,
    )


def draw_coverage(axes: Any, scores: Mapping[str, Any], theme: Theme) -> None:
    """What is right of the surest answers, beside what is right of all."""
    points = scores["coverage"]
    axes.axhline(points[-1]["accuracy"], color=theme.second, lw=1.2, ls="--")
    across, up = [each["coverage"] for each in points], [each["accuracy"] for each in points]
    axes.plot(across, up, color=theme.accent, lw=1.6, marker="o", ms=2.5)
