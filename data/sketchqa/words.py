"""Families without options, which ask for a number or a word. They are drawn from only where they are named."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from .drawing import COLOURS, Box, Canvas, Point, around, shade
from .example import Example, Family, hint, pick_answer


NATURAL, SOCIAL = "natural science", "social science"
ROW = 3  # balls of a row, at most
RADIUS = 0.095
THINGS = ("ball", "box", "kite", "star")
SHAPES = {"circle": 0, "triangle": 3, "square": 4, "hexagon": 6}


def compose_count(rng: Random) -> Example:
    question = rng.choice(("How many balls are there?", "Count the balls.", "What is the number of balls?"))
    setting = hint(rng, ("has some balls", "found some balls", "drew some balls"))
    total = 1 + pick_answer(rng, 2 * ROW)
    least, most = max(0, total - ROW), min(ROW, total)
    upper = least + int(rng.random() * (most - least + 1))
    return Example(
        question=question,
        hint=setting,
        choices=(),
        answer=None,
        accepted=(str(total),),
        solution=_counted(upper, total - upper),
        scene=(upper, total - upper),
        claims=tuple(_counted(above, below) for above in range(ROW + 1) for below in range(ROW + 1) if above + below),
    )


def _counted(upper: int, lower: int) -> str:
    return f"The upper row has {upper} and the lower row has {lower}. Together they are {upper + lower}."


def draw_count(canvas: Canvas, rows: tuple[int, int]) -> Box:
    rng = canvas.rng
    canvas.background((236, 238, 228))
    paint = canvas.jitter(rng.choice(tuple(COLOURS)))
    canvas.rectangle((-0.4, -0.02, 0.4, 0.02), (176, 168, 156))
    for count, y in zip(rows, (-0.2, 0.2), strict=True):
        for column in range(count):
            centre = (-0.26 + 0.26 * column + rng.uniform(-0.02, 0.02), y + rng.uniform(-0.03, 0.03))
            canvas.disc(centre, RADIUS, paint, shade(paint, 0.6), 0.02)
    return -0.38, -0.34, 0.38, 0.34


def compose_colour(rng: Random) -> Example:
    thing = rng.choice(THINGS)
    question = rng.choice(("What colour is the {}?", "Name the colour of the {}.", "Which colour has the {}?"))
    setting = hint(rng, ("bought it", "painted it", "found it"))
    colour = tuple(COLOURS)[pick_answer(rng, len(COLOURS))]
    return Example(
        question=question.format(thing),
        hint=setting,
        choices=(),
        answer=None,
        accepted=(colour,),
        solution=_seen(thing, colour),
        scene=(thing, colour),
        claims=tuple(_seen(thing, other) for other in COLOURS),
    )


def _seen(thing: str, colour: str) -> str:
    return f"The {thing} in the picture is painted {colour}. So its colour is {colour}."


def draw_colour(canvas: Canvas, scene: tuple[str, str]) -> Box:
    thing, colour = scene
    canvas.background((228, 226, 222))
    canvas.rectangle((-1, 0.3, 1, 1), canvas.jitter((188, 176, 158)))
    paint, centre = canvas.jitter(colour), (canvas.rng.uniform(-0.1, 0.1), canvas.rng.uniform(-0.08, 0.08))
    _draw_thing(canvas, thing, centre, paint)
    return around(centre, 0.25)


def _draw_thing(canvas: Canvas, thing: str, centre: Point, paint: Any) -> None:
    (x, y), rim = centre, shade(paint, 0.65)
    if thing == "ball":
        canvas.disc(centre, 0.23, paint, rim)
    elif thing == "box":
        canvas.rectangle(around(centre, 0.22), paint, rim)
    elif thing == "kite":
        canvas.polygon(((x, y - 0.25), (x + 0.17, y - 0.05), (x, y + 0.25), (x - 0.17, y - 0.05)), paint, rim)
    else:
        canvas.star(centre, 5, 0.12, 0.26, paint)


def compose_shapes(rng: Random) -> Example:
    question = rng.choice(("Which shape is drawn?", "What is the shape called?", "Name the shape."))
    setting = hint(rng, ("drew a shape", "cut out paper", "saw a sign"))
    shape = tuple(SHAPES)[pick_answer(rng, len(SHAPES))]
    return Example(
        question=question,
        hint=setting,
        choices=(),
        answer=None,
        accepted=(shape,),
        solution=_named(shape),
        scene=shape,
        claims=tuple(map(_named, SHAPES)),
    )


def _named(shape: str) -> str:
    return f"It has {SHAPES[shape] or 'no'} corners, so it is a {shape}."


def draw_shapes(canvas: Canvas, shape: str) -> Box:
    rng, corners = canvas.rng, SHAPES[shape]
    canvas.background(rng.choice(((250, 240, 220), (226, 238, 232), (238, 230, 244))))
    paint, radius = canvas.jitter(rng.choice(tuple(COLOURS))), rng.uniform(0.26, 0.33)
    turn = rng.uniform(-0.15, 0.15) + (math.pi / 4 if corners == 4 else 0)
    if not corners:
        canvas.disc((0, 0), radius, paint, shade(paint, 0.65))
        return around((0, 0), radius)
    angles = [turn + math.tau * corner / corners for corner in range(corners)]
    canvas.polygon([(radius * math.sin(a), -radius * math.cos(a)) for a in angles], paint, shade(paint, 0.65))
    return around((0, 0), radius)


FAMILIES = (
    Family("count", NATURAL, "grade1", "mathematics", "Counting", "Count to six", compose_count, draw_count),
    Family("colour", SOCIAL, "grade1", "visual arts", "Colours", "Name a colour", compose_colour, draw_colour),
    Family("shapes", NATURAL, "grade1", "mathematics", "Shapes", "Name a shape", compose_shapes, draw_shapes),
)
