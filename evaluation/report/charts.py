"""The report's charts as PNG: each score a dot on its 95 % interval, beside what guessing gives."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


# Inches and dots per inch: narrow enough for its words to be read on a phone.
WIDTH, ROW_HEIGHT, MARGIN, DPI = 5.0, 0.32, 0.75, 200
EDGE = 119  # where the values are written, in percent


@dataclass(frozen=True)
class Theme:
    """Colours of a chart; the page's own are in `style.css`."""

    ink: str
    quiet: str
    track: str
    accent: str
    second: str


LIGHT = Theme(ink="#22252a", quiet="#6a6e75", track="#e6e3dc", accent="#1d5c86", second="#b4632c")
DARK = Theme(ink="#e8e6e1", quiet="#9a9da3", track="#34373d", accent="#7db8df", second="#e0a070")


def accuracy_chart(accuracy: Mapping[str, Any], chance: Mapping[str, Any] | None, theme: Theme = LIGHT) -> bytes:
    """Accuracy by class in percent, and what guessing gives there, where there are options.

    Args:
        accuracy: `{"value", "n", "low", "high"}` by class.
        chance: percentages by class.
        theme: colours; the background stays transparent.
    """
    figure, axes = dot_plot(list(accuracy), theme)
    draw_scores(axes, list(accuracy.values()), theme.accent)
    entries = [("right, 95 % interval", theme.accent, "o")]
    if chance is not None:
        marks, heights = [chance[name] for name in accuracy], range(len(accuracy))
        axes.scatter(marks, heights, marker="|", s=90, lw=1.6, color=theme.second, zorder=4)
        entries.append(("guessing", theme.second, "|"))
    legend(figure, entries, theme)
    return png(figure)


def dot_plot(names: Sequence[str], theme: Theme, row_height: float = ROW_HEIGHT) -> tuple[Figure, Any]:
    """An empty chart of percentages with one row for each name, the first on top."""
    figure = Figure(figsize=(WIDTH, row_height * len(names) + MARGIN), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_facecolor("none")
    axes.set(xlim=(-1, EDGE), ylim=(len(names) - 0.4, -0.6), xticks=range(0, 101, 25))
    axes.set_xticklabels([f"{tick} %" for tick in range(0, 101, 25)], fontsize=8, color=theme.quiet)
    axes.set_yticks(range(len(names)), names, fontsize=9, color=theme.ink)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.vlines(range(0, 101, 25), *axes.get_ylim(), color=theme.track, lw=0.8, zorder=0)
    return figure, axes


def draw_scores(axes: Any, scores: Sequence[Mapping[str, float]], colour: str, shift: float = 0) -> None:
    """A dot, its interval and its value for each row."""
    for row, score in enumerate(scores):
        height = row + shift
        axes.plot(
            [score["low"], score["high"]],
            [height, height],
            color=colour,
            lw=5,
            alpha=0.35,
            zorder=2,
            solid_capstyle="butt",
        )
        axes.scatter(score["value"], height, s=16, color=colour, zorder=3)
        axes.text(EDGE, height, f"{score['value']:.1f}", color=colour, fontsize=8.5, ha="right", va="center")


def legend(figure: Figure, entries: Sequence[tuple[str, str, str]], theme: Theme) -> None:
    """Labels with their colour and marker, above the chart."""
    axes = figure.axes[0]
    handles = [
        axes.scatter([], [], color=colour, marker=marker, s=36, lw=1.6, label=label)
        for label, colour, marker in entries
    ]
    figure.legend(
        handles=handles,
        loc="outside upper left",
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        labelcolor=theme.ink,
    )


def png(figure: Figure) -> bytes:
    """The figure as PNG on a transparent ground."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, transparent=True)
    return buffer.getvalue()
