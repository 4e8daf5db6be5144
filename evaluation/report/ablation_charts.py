"""What was taken from a system and what that costs it, drawn; and how much of a rationale settles the answer."""

from collections.abc import Mapping
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...configuration.ablations import FULL_SYSTEM
from ..findings import main_group
from .charts import LIGHT, ROW_HEIGHT, WIDTH, Theme, dot_plot, draw_scores, legend, png


CURVE_HEIGHT = 2.4  # inches


def ablation_chart(table: Mapping[str, Mapping[str, Any]], theme: Theme = LIGHT) -> bytes:
    """How far each ablation moves the accuracy from that of the full system: the longer the bar, the more it matters.

    Args:
        table: what [`measure_ablations`] returned; drawn of the examples with images, if there are any.
        theme: colours; the background stays transparent.
    """
    group = main_group(table)
    figure, axes = dot_plot(list(table), theme, row_height=ROW_HEIGHT * 0.9)
    full = table[FULL_SYSTEM][group]["accuracy"]["value"]
    axes.axvline(full, color=theme.quiet, lw=0.9, ls="--", zorder=1)
    for height, row in enumerate(groups[group] for groups in table.values()):
        colour = theme.second if is_measurable(row) else theme.accent
        axes.plot(
            [full, row["accuracy"]["value"]], [height, height], color=colour, lw=9, alpha=0.45, solid_capstyle="butt"
        )
        draw_scores(axes, [row["accuracy"]], colour, shift=height)
    entries = [("no measurable change", theme.accent, "o"), ("a measurable one", theme.second, "o")]
    legend(figure, entries, theme)
    return png(figure)


def is_measurable(row: Mapping[str, Any]) -> bool:
    """Whether an ablation changes the accuracy beyond what chance may do."""
    change = row.get("difference")
    return change is not None and not change["low"] <= 0 <= change["high"]


def curve_chart(curves: Mapping[str, Mapping[str, Any]], theme: Theme = LIGHT) -> bytes:
    """Early answering: the share of answers that stay against the share of the rationale that was read.

    Args:
        curves: what [`early_answering`] returned.
        theme: colours; the background stays transparent.
    """
    figure = Figure(figsize=(WIDTH, CURVE_HEIGHT), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.set(xlim=(-2, 102), ylim=(0, 104), xticks=range(0, 101, 25), yticks=range(0, 101, 25))
    axes.tick_params(length=0, labelsize=8, labelcolor=theme.quiet)
    axes.set_xlabel("% of the rationale's words read", fontsize=8.5, color=theme.ink)
    axes.set_ylabel("% of the answers settled", fontsize=8.5, color=theme.ink)
    axes.spines[:].set_visible(False)
    axes.grid(color=theme.track, lw=0.8)
    points = list(curves.values())[-1]["points"]  # of the examples with images, if there are any
    across, up = [100 * point["share"] for point in points], [point["unchanged"] for point in points]
    axes.plot(across, up, color=theme.accent, lw=1.6, marker="o", ms=4, zorder=3)
    axes.fill_between(across, up, 100, color=theme.second, alpha=0.18, lw=0)
    return png(figure)
