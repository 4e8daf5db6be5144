"""Families about matter, sky and living things."""

from __future__ import annotations

import math
from random import Random

from .drawing import WHITE, Box, Canvas, Colour, Point, around, shade
from .example import Example, Family, hint, pick_options


NATURAL = "natural science"
GLASS: Colour = (150, 170, 186)

STATES = {
    "solid": "The particles are packed in tight rows, so it is a solid.",
    "liquid": "The particles lie loose at the bottom, so it is a liquid.",
    "gas": "The particles fly far apart, so it is a gas.",
}


def compose_states(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(STATES))
    return Example(
        question=rng.choice(
            ("What is in the jar?", "Which state do the particles show?", "What state of matter is it?")
        ),
        hint=hint(rng, ("filled a jar", "drew a jar", "closed a jar")),
        choices=choices,
        answer=answer,
        solution=STATES[choices[answer]],
        scene=choices[answer],
        claims=tuple(STATES.values()),
    )


def draw_states(canvas: Canvas, state: str) -> Box:
    canvas.background(canvas.rng.choice(((250, 236, 214), (226, 238, 226), (236, 228, 244))))
    canvas.rounded((-0.34, -0.31, 0.34, 0.38), 0.08, (238, 246, 250), GLASS, 0.03)
    canvas.rounded((-0.27, -0.38, 0.27, -0.3), 0.03, canvas.jitter((176, 128, 84)))
    colour = canvas.jitter(canvas.rng.choice(("red", "blue", "green", "purple", "orange")))
    radius = 0.068 if state != "gas" else 0.055
    if state == "liquid":
        canvas.rounded((-0.31, 0.03, 0.31, 0.35), 0.06, (204, 230, 246))
    for centre in _particles(canvas.rng, state):
        canvas.disc(centre, radius, colour, shade(colour, 0.7), 0.018)
    return -0.34, -0.38, 0.34, 0.38


def _particles(rng: Random, state: str) -> list[Point]:
    """Centres of the particles: a tight block, a loose layer, or a few spread over the jar."""
    if state == "solid":
        left, spread = rng.uniform(-0.23, -0.15), 0.0
        cells = [(left + 0.127 * column, 0.27 - 0.127 * row) for column in range(4) for row in range(4)]
    elif state == "liquid":
        spread = 0.025
        cells = [(-0.23 + 0.155 * column, 0.27 - 0.16 * row) for column in range(4) for row in range(2)]
    else:
        spread = 0.06
        cells = [(-0.19, -0.17), (0.19, -0.17), (0.0, 0.02), (-0.19, 0.21), (0.19, 0.21)]
    return [(x + rng.uniform(-spread, spread), y + rng.uniform(-spread, spread)) for x, y in cells]


MOONS = {
    "full": "The whole round disc is lit, so it is full.",
    "half": "One side is lit and the other is dark, so it is half.",
    "crescent": "Only a thin curve is lit, so it is crescent.",
}


def compose_moon(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(MOONS))
    return Example(
        question=rng.choice(("What does the moon look like?", "Which moon is in the sky?", "How much moon is seen?")),
        hint=hint(rng, ("saw the moon", "drew the moon", "looked up")),
        choices=choices,
        answer=answer,
        solution=MOONS[choices[answer]],
        scene=choices[answer],
        claims=tuple(MOONS.values()),
    )


def draw_moon(canvas: Canvas, phase: str) -> Box:
    rng, radius = canvas.rng, 0.29
    sky = canvas.background((34, 42, 86))
    for _ in range(14):
        canvas.disc((rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.4)), rng.uniform(0.007, 0.014), (226, 226, 240))
    canvas.disc((0, -0.04), radius + 0.03, sky)
    light = canvas.jitter((250, 238, 190), 8)
    side = rng.choice((-1, 1))
    if phase == "half":
        canvas.half_disc((0, -0.04), radius, (0 if side > 0 else math.pi) + rng.uniform(-0.25, 0.25), light)
    else:
        canvas.disc((0, -0.04), radius, light)
    if phase == "full":
        for x, y, size in ((-0.1, -0.12, 0.06), (0.1, 0.02, 0.075), (-0.08, 0.1, 0.045), (0.12, -0.17, 0.03)):
            canvas.disc((x, y), size, shade(light, 0.9))
    if phase == "crescent":
        canvas.disc((-0.15 * side, -0.04 + rng.uniform(-0.05, 0.05)), radius * 0.95, sky)
    canvas.ellipse((-0.9, 0.36, 0.25, 0.9), shade(sky, 0.6))
    canvas.ellipse((-0.2, 0.4, 0.95, 0.95), shade(sky, 0.5))
    return around((0, -0.04), radius)


PAPERS = {
    "acid": ("red", "The strip of paper turned red. Red paper means acid."),
    "neutral": ("green", "The strip of paper turned green. Green paper means neutral."),
    "base": ("blue", "The strip of paper turned blue. Blue paper means base."),
}


def compose_litmus(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(PAPERS))
    colour, solution = PAPERS[choices[answer]]
    return Example(
        question=rng.choice(("What is the liquid?", "What does the paper show?", "What is in the glass?")),
        hint=hint(rng, ("dipped a strip", "tested a liquid", "used test paper")),
        choices=choices,
        answer=answer,
        solution=solution,
        scene=colour,
        claims=tuple(f"The strip of paper turned {turned}." for turned, _ in PAPERS.values()),
    )


def draw_litmus(canvas: Canvas, colour: str) -> Box:
    canvas.background((240, 234, 222))
    canvas.rounded((-0.33, -0.12, 0.33, 0.4), 0.07, (228, 238, 242), GLASS, 0.03)
    canvas.rounded((-0.3, 0.04, 0.3, 0.37), 0.05, canvas.jitter((196, 216, 228)))
    x, paint = canvas.rng.uniform(-0.1, 0.1), canvas.jitter(colour)
    canvas.rectangle((x - 0.12, -0.38, x + 0.12, 0.28), WHITE, (170, 166, 156), 0.015)
    canvas.rectangle((x - 0.12, -0.16, x + 0.12, 0.28), paint, shade(paint, 0.75), 0.015)
    canvas.rounded((-0.37, -0.14, 0.37, -0.09), 0.025, GLASS)
    return x - 0.12, -0.38, x + 0.12, 0.28


WEATHERS = {
    "sunny": "A big sun shines in the sky, so it is sunny.",
    "cloudy": "Grey clouds fill the dry sky, so it is cloudy.",
    "rainy": "Blue drops fall from the cloud, so it is rainy.",
    "snowy": "White flakes fall from the cloud, so it is snowy.",
}


def compose_weather(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(WEATHERS))
    return Example(
        question=rng.choice(("What is the weather?", "How is the weather?", "Which word fits the sky?")),
        hint=hint(rng, ("went outside", "took a walk", "looked out")),
        choices=choices,
        answer=answer,
        solution=WEATHERS[choices[answer]],
        scene=choices[answer],
        claims=tuple(WEATHERS.values()),
    )


def draw_weather(canvas: Canvas, weather: str) -> Box:
    canvas.background((160, 202, 238) if weather in ("sunny", "cloudy") else (132, 158, 192))
    ground = (242, 244, 248) if weather == "snowy" else (124, 186, 96)
    canvas.ellipse((-1.2, 0.33, 1.2, 1.4), canvas.jitter(ground))
    if weather == "sunny":
        return _draw_sun(canvas)
    if weather == "cloudy":
        _draw_cloud(canvas, -0.12, -0.2, 0.8, canvas.jitter((206, 212, 220), 6))
        _draw_cloud(canvas, 0.05, 0.02, 1.0, canvas.jitter((146, 154, 168), 6))
        return -0.38, -0.36, 0.38, 0.2
    _draw_cloud(canvas, 0, -0.16, 1.05, canvas.jitter((98, 106, 124) if weather == "rainy" else (222, 226, 234), 6))
    for column in range(4):
        for row in range(2):
            x = -0.28 + 0.187 * column + canvas.rng.uniform(-0.02, 0.02)
            y = 0.12 + 0.17 * row + 0.06 * (column % 2) + canvas.rng.uniform(-0.02, 0.02)
            (_draw_drop if weather == "rainy" else _draw_flake)(canvas, x, y)
    return -0.38, -0.38, 0.38, 0.38


def _draw_sun(canvas: Canvas) -> Box:
    light = canvas.jitter((252, 206, 40))
    canvas.star((0, -0.05), 12, 0.25, 0.36, shade(light, 0.95))
    canvas.disc((0, -0.05), 0.21, shade(light, 1.05), shade(light, 0.85), 0.02)
    return around((0, -0.05), 0.36)


def _draw_cloud(canvas: Canvas, x: float, y: float, scale: float, colour: Colour) -> None:
    for dx, dy, radius in ((-0.2, 0.03, 0.12), (0.2, 0.03, 0.12), (-0.06, -0.04, 0.16), (0.1, -0.01, 0.13)):
        canvas.disc((x + scale * dx, y + scale * dy), scale * radius, colour)
    canvas.rectangle((x - scale * 0.2, y, x + scale * 0.2, y + scale * 0.15), colour)


def _draw_drop(canvas: Canvas, x: float, y: float) -> None:
    canvas.polygon(((x, y - 0.09), (x + 0.038, y + 0.01), (x - 0.038, y + 0.01)), (30, 84, 200))
    canvas.disc((x, y + 0.015), 0.042, (30, 84, 200))


def _draw_flake(canvas: Canvas, x: float, y: float) -> None:
    canvas.star((x, y), 6, 0.028, 0.07, (255, 255, 255))


LEVELS = {
    "cold": (0.2, 0.28, "The red column is short, near the bottom, so it is cold."),
    "warm": (0.52, 0.62, "The red column ends near the middle, so it is warm."),
    "hot": (0.88, 0.98, "The red column is tall, near the top, so it is hot."),
}


def compose_thermometer(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(LEVELS))
    lowest, highest, solution = LEVELS[choices[answer]]
    return Example(
        question=rng.choice(("How is the water?", "What does the thermometer show?", "How does the water feel?")),
        hint=hint(rng, ("tested a bath", "measured the pool", "checked a pot")),
        choices=choices,
        answer=answer,
        solution=solution,
        scene=(lowest, highest),
        claims=tuple(solution for _, _, solution in LEVELS.values()),
    )


def draw_thermometer(canvas: Canvas, levels: tuple[float, float]) -> Box:
    canvas.background((214, 232, 236))
    red, top = canvas.jitter((220, 44, 48)), 0.14 - 0.48 * canvas.rng.uniform(*levels)
    canvas.rounded((-0.13, -0.4, 0.13, 0.2), 0.13, WHITE, GLASS, 0.025)
    canvas.disc((0, 0.24), 0.18, WHITE, GLASS, 0.025)
    canvas.disc((0, 0.24), 0.145, red)
    canvas.rectangle((-0.075, top, 0.075, 0.25), red)
    canvas.disc((-0.05, 0.19), 0.035, shade(red, 1.5))
    for tick in range(5):
        y = 0.1 - 0.11 * tick
        canvas.line(((0.19, y), (0.3 if tick % 2 == 0 else 0.25, y)), (90, 104, 120), 0.022)
    return -0.18, -0.4, 0.18, 0.42


ANIMALS = {
    "mammal": ("Mammals have fur and drink milk.", "cat dog horse cow rabbit"),
    "bird": ("Birds have feathers and a beak.", "owl duck eagle hen swan"),
    "fish": ("Fish have gills and fins.", "salmon tuna trout shark cod"),
    "insect": ("Insects have six legs.", "ant bee fly moth beetle"),
}


def compose_animals(rng: Random) -> Example:
    asked, *others = rng.sample(tuple(ANIMALS), rng.randint(3, 4))
    fact, names = ANIMALS[asked]
    right = rng.choice(names.split())
    wrong = [rng.choice(ANIMALS[kind][1].split()) for kind in others]
    choices = rng.sample([right, *wrong], len(wrong) + 1)
    article = "an" if asked[0] == "i" else "a"
    return Example(
        question=rng.choice(("Which is {}?", "Which animal is {}?", "Find {}.")).format(f"{article} {asked}"),
        hint=hint(rng, ("saw animals", "read about animals", "drew animals")),
        choices=tuple(choices),
        answer=choices.index(right),
        solution=f"{fact} The animal like that is the {right}.",
    )


FAMILIES = (
    Family(
        "states",
        NATURAL,
        "grade3",
        "chemistry",
        "States of matter",
        "Tell solids, liquids and gases from their particles",
        compose_states,
        draw_states,
    ),
    Family("moon", NATURAL, "grade2", "astronomy", "The moon", "Name the phase of the moon", compose_moon, draw_moon),
    Family(
        "litmus",
        NATURAL,
        "grade6",
        "chemistry",
        "Acids and bases",
        "Tell acids and bases by indicator paper",
        compose_litmus,
        draw_litmus,
    ),
    Family(
        "weather",
        NATURAL,
        "grade1",
        "earth-science",
        "Weather",
        "Describe the weather in a picture",
        compose_weather,
        draw_weather,
    ),
    Family(
        "thermometer",
        NATURAL,
        "grade2",
        "units-and-measurement",
        "Temperature",
        "Read a thermometer",
        compose_thermometer,
        draw_thermometer,
    ),
    Family("animals", NATURAL, "grade4", "biology", "Animals", "Classify animals", compose_animals),
)
