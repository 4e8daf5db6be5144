"""One answered problem as a picture: what was seen, asked, thought and answered."""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..modeling_mmcot.prompt_mmcot import letter


def draw_example(example: Mapping[str, Any], answer: Mapping[str, Any], path: Path) -> None:
    """Draws a problem with the model's rationale and answer.

    Args:
        example: `image`, `question`, `choices`, `hint`, and the right `answer`.
        answer: what the pipeline returned for it.
        path: PNG file to write.
    """
    figure = Figure(figsize=(8, 3), layout="constrained")
    FigureCanvasAgg(figure)
    picture, text = figure.subplots(1, 2, width_ratios=[3, 5])
    picture.imshow(example["image"], interpolation="nearest")
    picture.axis("off")
    text.axis("off")
    options = "   ".join(f"({letter(index)}) {choice}" for index, choice in enumerate(example["choices"]))
    right = answer["choice_index"] == example["answer"]
    blocks = [
        (f"{example['hint'] or ''} {example['question']}".strip(), "black", "bold"),
        (options, "black", "normal"),
        (f"Rationale: {answer['rationale']}", "tab:blue", "normal"),
        (f"Answer: ({answer['answer']}) {answer['choice']}", "tab:green" if right else "tab:red", "bold"),
    ]
    height = 0.95
    for words, colour, weight in blocks:
        wrapped = textwrap.fill(words, 52)
        text.text(0, height, wrapped, color=colour, weight=weight, fontsize=11, va="top", transform=text.transAxes)
        height -= 0.09 * (wrapped.count("\n") + 1) + 0.1
    figure.savefig(path, dpi=110)
