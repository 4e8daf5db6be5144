"""Families about electricity, forces and magnets."""

from __future__ import annotations

import math
from random import Random

from .drawing import COLOURS, INK, Box, Canvas, Point, enclosing, shade
from .example import Example, Family, hint, pick_answer, pick_options


NATURAL = "natural science"

SWITCHES = {
    "on": "The switch is closed and current flows, so the lamp is on.",
    "off": "The switch is open and no current flows, so the lamp is off.",
}


def compose_circuit(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(SWITCHES))
    return Example(
        question=rng.choice(("Is the lamp on or off?", "What will the lamp be?", "How is the lamp?")),
        hint=hint(rng, ("built a circuit", "made a circuit", "drew a circuit")),
        choices=choices,
        answer=answer,
        solution=SWITCHES[choices[answer]],
        scene=choices[answer],
        claims=tuple(SWITCHES.values()),
    )


def draw_circuit(canvas: Canvas, lamp: str) -> Box:
    canvas.background((232, 240, 226))
    left, right, top, bottom = -0.35, 0.35, -0.05, 0.3
    canvas.line(((-0.02, top), (left, top), (left, bottom), (right, bottom), (right, top), (0.31, top)), INK, 0.03)
    canvas.rounded((-0.18, bottom - 0.08, 0.18, bottom + 0.08), 0.02, canvas.jitter((60, 64, 76)))
    canvas.rectangle((0.06, bottom - 0.08, 0.18, bottom + 0.08), canvas.jitter((226, 150, 60)))
    canvas.rectangle((0.18, bottom - 0.035, 0.21, bottom + 0.035), (160, 166, 176))
    canvas.disc((-0.2, -0.2), 0.125, canvas.jitter((236, 236, 226), 6), (120, 126, 138), 0.02)
    canvas.line(((-0.23, -0.1), (-0.25, -0.22), (-0.15, -0.22), (-0.17, -0.1)), (150, 150, 150), 0.015)
    canvas.rectangle((-0.25, -0.11, -0.15, -0.03), (120, 126, 138))
    pivot, reach = (-0.01, top), 0.32
    angle = math.radians(canvas.rng.uniform(48, 62)) if lamp == "off" else 0.0
    tip = (pivot[0] + reach * math.cos(angle), top - reach * math.sin(angle))
    canvas.line((pivot, tip), canvas.jitter("red"), 0.07)
    for contact in (pivot, (0.31, top)):
        canvas.disc(contact, 0.05, INK)
    return -0.06, min(tip[1], top) - 0.06, 0.36, top + 0.06


def compose_balance(rng: Random) -> Example:
    colours = rng.sample(tuple(COLOURS), 2)
    choices = tuple(rng.sample((*colours, "neither"), 3))
    heavier = choices[pick_answer(rng, 3)]
    seen = {colour: f"The beam hangs down at the {colour} block." for colour in COLOURS}
    seen["neither"] = "The beam is level and straight."
    solutions = {block: f"{sight} The heavier block is {block}." for block, sight in seen.items()}
    return Example(
        question=rng.choice(("Which block is heavier?", "Which block weighs more?", "Which block has more mass?")),
        hint=hint(rng, ("weighed two blocks", "used a scale", "found two blocks")),
        choices=choices,
        answer=choices.index(heavier),
        solution=solutions[heavier],
        scene=(rng.sample(colours, 2), heavier),
        claims=tuple(solutions.values()),
    )


def draw_balance(canvas: Canvas, scene: tuple[list[str], str]) -> Box:
    colours, heavier = scene
    canvas.background((244, 236, 218))
    tilt = 0.0 if heavier == "neither" else math.radians(canvas.rng.uniform(13, 17))
    tilt = -tilt if heavier == colours[0] else tilt
    canvas.polygon(((0, 0.08), (0.14, 0.38), (-0.14, 0.38)), canvas.jitter((120, 126, 140)))
    canvas.polygon(_turned((-0.37, 0.05, 0.37, 0.1), tilt), canvas.jitter((134, 94, 58)))
    box = enclosing(_turned((-0.37, -0.19, 0.37, 0.1), tilt))
    for colour, left in zip(colours, (-0.33, 0.08), strict=True):
        corners, paint = _turned((left, -0.2, left + 0.25, 0.05), tilt), canvas.jitter(colour)
        canvas.polygon(corners, paint, shade(paint, 0.7), 0.02)
        box = enclosing(corners) if colour == heavier else box
    canvas.disc((0, 0.075), 0.035, INK)
    return box


def _turned(box: Box, angle: float) -> list[Point]:
    """The corners of a box, turned clockwise around (0, 0.075)."""
    corners = ((box[0], box[1]), (box[2], box[1]), (box[2], box[3]), (box[0], box[3]))
    cosine, sine = math.cos(angle), math.sin(angle)
    return [(x * cosine - (y - 0.075) * sine, 0.075 + x * sine + (y - 0.075) * cosine) for x, y in corners]


# What magnets do by the ends that meet.
MAGNETS = {"attract": ("red and blue", "blue and red"), "repel": ("red and red", "blue and blue")}


def compose_magnets(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(MAGNETS))
    facing = rng.choice(MAGNETS[choices[answer]])
    return Example(
        question=rng.choice(("What will the magnets do?", "What do these magnets do?", "How do the magnets act?")),
        hint=hint(rng, ("has two magnets", "found two magnets", "moved two magnets")),
        choices=choices,
        answer=answer,
        solution=f"The ends that meet are {facing}, so the magnets {choices[answer]}.",
        scene=tuple(facing.split(" and ")),
        claims=tuple(
            f"The ends that meet are {ends}, so the magnets {deed}."
            for deed, meetings in MAGNETS.items()
            for ends in meetings
            if sorted(ends) != sorted(facing)  # which of two ends is named first makes nothing wrong
        ),
    )


def draw_magnets(canvas: Canvas, facing: tuple[str, str]) -> Box:
    canvas.background((238, 234, 226))
    other = {"red": "blue", "blue": "red"}
    height, gap = canvas.rng.uniform(0.12, 0.16), canvas.rng.uniform(0.025, 0.04)
    for side, inner in zip((-1, 1), facing, strict=True):
        for start, end, colour in ((gap, 0.21, inner), (0.21, 0.385, other[inner])):
            paint = canvas.jitter(colour)
            x0, x1 = sorted((side * start, side * end))
            canvas.rectangle((x0, -height, x1, height), paint)
            canvas.rectangle((x0, 0.6 * height, x1, height), shade(paint, 0.75))
    return -0.21, -height, 0.21, height


FAMILIES = (
    Family(
        "circuit",
        NATURAL,
        "grade4",
        "physics",
        "Electricity",
        "Tell whether a circuit is closed",
        compose_circuit,
        draw_circuit,
    ),
    Family(
        "balance",
        NATURAL,
        "grade1",
        "physics",
        "Mass",
        "Compare masses on a beam balance",
        compose_balance,
        draw_balance,
    ),
    Family(
        "magnets",
        NATURAL,
        "grade3",
        "physics",
        "Magnets",
        "Predict whether magnets attract or repel",
        compose_magnets,
        draw_magnets,
    ),
)
