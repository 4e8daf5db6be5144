"""Examples of every family in a grid of cards, for the README and for looking at the data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from ...modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from .generate import generate
from .options import SketchQAOptions


COLUMNS = 6
# Width and height in pixels of a card, the upper square of which is the image.
CARD = (144, 256)
GAP = 8
MARGIN = 7
INK, GREY, GREEN = (28, 30, 36), (104, 108, 118), (22, 128, 64)


def contact_sheet(options: SketchQAOptions, rows: int = 1) -> Image.Image:
    """Draw `rows` test examples of each family as cards: image (or context), question, options, rationale.

    The right option is the green one. Images are made at `options.size` and enlarged smoothly, so at 64 the sheet
    shows what a model is shown. The sheet is 920 pixels wide.
    """
    examples = [example for family in options.families for example in _examples(options, family, rows)]
    width, height = CARD
    lines = math.ceil(len(examples) / COLUMNS)
    sheet = Image.new("RGB", (GAP + COLUMNS * (width + GAP), GAP + lines * (height + GAP)), "white")
    for index, example in enumerate(examples):
        line, column = divmod(index, COLUMNS)
        sheet.paste(_card(example), (GAP + column * (width + GAP), GAP + line * (height + GAP)))
    return sheet


def _examples(options: SketchQAOptions, family: str, rows: int) -> Iterator[dict[str, Any]]:
    return islice(generate("test", replace(options, families=(family,), test=rows)), rows)


def _card(example: dict[str, Any]) -> Image.Image:
    width, _ = CARD
    card = Image.new("RGB", CARD, (244, 245, 247))
    draw = ImageDraw.Draw(card)
    if example["image"] is None:
        draw.rectangle((0, 0, width, width - 1), (228, 232, 238))
        _write(draw, f"“{example['hint']}”", 48, 15, INK)
    else:
        card.paste(example["image"].resize((width, width), Image.Resampling.BICUBIC), (0, 0))
    y = _write(draw, example["question"], width + 6, 12, INK)
    choices = example["choices"] or example[ACCEPTED_ANSWERS]
    y = _write_options(draw, choices, example["answer"] if example["choices"] else 0, y)
    _write(draw, example["solution"], y + 2, 10, GREY)
    return card


def _write(draw: ImageDraw.ImageDraw, text: str, y: int, size: int, colour: tuple[int, int, int]) -> int:
    """Write the text in as many lines as the card needs, and return the y below it."""
    font, line = ImageFont.load_default(size), ""
    for word in [*text.split(), ""]:
        longer = f"{line} {word}".strip()
        if word and font.getlength(longer) <= CARD[0] - 2 * MARGIN:
            line = longer
            continue
        draw.text((MARGIN, y), line, colour, font)
        line, y = word, y + round(1.25 * size)
    return y + 2


def _write_options(draw: ImageDraw.ImageDraw, choices: list[str], answer: int, y: int) -> int:
    """Write the options side by side where they fit, each behind a ring, the right one behind a dot."""
    font = ImageFont.load_default(11)
    x: float = MARGIN
    for index, choice in enumerate(choices):
        width = 10 + font.getlength(choice)
        if x + width > CARD[0] - MARGIN:
            x, y = MARGIN, y + 15
        colour = GREEN if index == answer else GREY
        draw.ellipse((x, y + 4, x + 6, y + 10), colour if index == answer else None, colour)
        draw.text((x + 10, y), choice, colour, font)
        x += width + 8
    return y + 15
