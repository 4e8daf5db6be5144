"""Families about maps, flags and markets."""

from __future__ import annotations

import math
from random import Random

from .drawing import COLOURS, INK, WHITE, Box, Canvas, Point, around, enclosing, shade
from .example import Example, Family, hint, pick_options


SOCIAL = "social science"

# Direction: its edge of the map, and its unit vector on a canvas, where y goes down.
DIRECTIONS: dict[str, tuple[str, Point]] = {
    "north": ("top", (0, -1)),
    "east": ("right", (1, 0)),
    "south": ("bottom", (0, 1)),
    "west": ("left", (-1, 0)),
}


def compose_map(rng: Random) -> Example:
    direction = rng.choice(tuple(DIRECTIONS))
    choices, answer = pick_options(rng, tuple(COLOURS), least=3)
    farthest, edge = choices[answer], DIRECTIONS[direction][0]
    return Example(
        question=rng.choice(
            ("Which town is farthest {}?", "Which town lies most {}?", "Which town is most {}?")
        ).format(direction),
        hint=hint(rng, ("drew this map", "found this map", "visited the island")),
        choices=choices,
        answer=answer,
        solution=f"{direction.capitalize()} is at the {edge} of the map. The town nearest the {edge} is {farthest}.",
        scene=(direction, farthest, [colour for colour in choices if colour != farthest]),
        claims=tuple(f"The town nearest the {edge} is {colour}." for colour in COLOURS),
    )


def draw_map(canvas: Canvas, scene: tuple[str, str, list[str]]) -> Box:
    direction, farthest, others = scene
    canvas.background((126, 188, 222))
    coast = _coast(canvas.rng)
    canvas.polygon(coast, (246, 234, 192))
    canvas.polygon([(0.91 * x, 0.91 * y) for x, y in coast], canvas.jitter((182, 214, 152)))
    towns = _town_places(canvas.rng, DIRECTIONS[direction][1], len(others) + 1)
    for place, colour in zip(towns, (farthest, *others), strict=True):
        _draw_house(canvas, place, colour)
    return around(towns[0], 0.09)


def _coast(rng: Random) -> list[Point]:
    """An island's outline: a circle with two random waves on it."""
    phases, points = (rng.uniform(0, math.tau), rng.uniform(0, math.tau)), []
    for step in range(36):
        angle = math.tau * step / 36
        radius = 0.41 + 0.015 * math.sin(3 * angle + phases[0]) + 0.012 * math.sin(5 * angle + phases[1])
        points.append((radius * math.cos(angle), radius * math.sin(angle)))
    return points


def _town_places(rng: Random, direction: Point, count: int) -> list[Point]:
    """Places at least 0.21 apart; the first leads the others by 0.14 or more in the direction."""
    while True:
        places: list[Point] = []
        for _ in range(40):
            place = (rng.uniform(-0.27, 0.27), rng.uniform(-0.27, 0.27))
            if math.hypot(*place) < 0.28 and all(math.dist(place, other) > 0.21 for other in places):
                places.append(place)
            if len(places) == count:
                break
        places.sort(key=lambda place: -place[0] * direction[0] - place[1] * direction[1])
        lead = (places[0][0] - places[1][0]) * direction[0] + (places[0][1] - places[1][1]) * direction[1]
        if len(places) == count and lead > 0.14:
            return places


def _draw_house(canvas: Canvas, place: Point, colour: str) -> None:
    (x, y), paint = place, canvas.jitter(colour)
    canvas.rectangle((x - 0.075, y - 0.03, x + 0.075, y + 0.09), paint, shade(paint, 0.6), 0.012)
    canvas.polygon(((x - 0.1, y - 0.02), (x, y - 0.11), (x + 0.1, y - 0.02)), shade(paint, 0.6))


def compose_compass(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(DIRECTIONS))
    ways = {name: {"top": "up", "bottom": "down"}.get(edge, edge) for name, (edge, _) in DIRECTIONS.items()}
    way = ways[choices[answer]]
    return Example(
        question=rng.choice(
            ("Where does the needle point?", "Where does the red tip point?", "Which way is the needle?")
        ),
        hint=hint(rng, ("read a compass", "found a compass", "used a compass")),
        choices=choices,
        answer=answer,
        solution=f"The red tip points {way}. On a map, {way} is {choices[answer]}.",
        scene=choices[answer],
        claims=tuple(f"The red tip points {other}." for other in ways.values()),
    )


def draw_compass(canvas: Canvas, direction: str) -> Box:
    canvas.background((226, 232, 218))
    rim = canvas.jitter((190, 146, 72))
    canvas.disc((0, 0), 0.39, rim, shade(rim, 0.75), 0.02)
    canvas.disc((0, 0), 0.33, WHITE)
    for _, (x, y) in DIRECTIONS.values():
        canvas.line(((0.27 * x, 0.27 * y), (0.32 * x, 0.32 * y)), INK, 0.025)
    x, y = DIRECTIONS[direction][1]
    lean = canvas.rng.uniform(-0.15, 0.15)
    x, y = x - lean * y, y + lean * x
    red = canvas.jitter("red")
    canvas.polygon(((-0.1 * y, 0.1 * x), (-0.27 * x, -0.27 * y), (0.1 * y, -0.1 * x)), (176, 184, 196))
    tip = ((-0.13 * y, 0.13 * x), (0.31 * x, 0.31 * y), (0.13 * y, -0.13 * x))
    canvas.polygon(tip, red)
    canvas.disc((0, 0), 0.045, INK)
    return enclosing(tip)


# Where a stripe lies: across the whole flag, one above the other, or side by side.
STRIPES = {"flat": ("top", "middle", "bottom"), "tall": ("left", "centre", "right")}


def compose_flag(rng: Random) -> Example:
    kind = rng.choice(tuple(STRIPES))
    place = rng.randrange(3)
    choices, answer = pick_options(rng, tuple(COLOURS), least=3, most=3)
    colours = rng.sample([colour for colour in choices if colour != choices[answer]], 2)
    colours.insert(place, choices[answer])
    where = STRIPES[kind][place]
    return Example(
        question=rng.choice(
            ("What colour is the {} stripe?", "Which colour is the {} stripe?", "Name the colour of the {} stripe.")
        ).format(where),
        hint=hint(rng, ("made a flag", "saw a flag", "drew a flag")),
        choices=choices,
        answer=answer,
        solution=f"The flag has three {kind} stripes. The {where} stripe is {choices[answer]}.",
        scene=(kind, colours, place),
        claims=(
            *(f"The flag has three {other} stripes." for other in STRIPES),
            *(
                f"The {stripe} stripe is {colour}."
                for stripe, drawn in zip(STRIPES[kind], colours, strict=True)
                for colour in COLOURS
                if colour != drawn
            ),
        ),
    )


def draw_flag(canvas: Canvas, scene: tuple[str, list[str], int]) -> Box:
    kind, colours, place = scene
    canvas.background((206, 226, 242))
    canvas.rounded((-0.39, -0.35, -0.34, 0.6), 0.025, canvas.jitter((128, 96, 66)))
    canvas.disc((-0.365, -0.36), 0.04, canvas.jitter((226, 178, 60)))
    phase, box = canvas.rng.uniform(0, math.tau), (0.0, 0.0, 0.0, 0.0)
    for index, colour in enumerate(colours):
        start, end = index / 3, (index + 1) / 3
        outline = _waving(phase, 0, 1, start, end) if kind == "flat" else _waving(phase, start, end, 0, 1)
        canvas.polygon(outline, canvas.jitter(colour))
        box = enclosing(outline) if index == place else box
    return box


def _waving(phase: float, left: float, right: float, top: float, bottom: float) -> list[Point]:
    """The outline of a part of a waving flag; the part is given in shares of the flag's width and height."""
    shares = [left + (right - left) * step / 8 for step in range(9)]
    edges = [(share, top) for share in shares] + [(share, bottom) for share in reversed(shares)]
    return [(-0.34 + 0.73 * x, -0.3 + 0.55 * y + 0.025 * math.sin(phase + 6 * x)) for x, y in edges]


def compose_bars(rng: Random) -> Example:
    most = rng.choice((True, False))
    choices, answer = pick_options(rng, tuple(COLOURS), least=2, most=3)
    extreme, amount = ("tallest", "most") if most else ("shortest", "least")
    return Example(
        question=rng.choice(("Which stall sold the {}?", "Who sold the {}?", "Which colour sold the {}?")).format(
            amount
        ),
        hint=hint(rng, ("made this chart", "went to market", "sold fruit")),
        choices=choices,
        answer=answer,
        solution=f"The stall with the {extreme} bar sold the {amount}. It is {choices[answer]}.",
        scene=(most, choices[answer], [colour for colour in choices if colour != choices[answer]]),
        claims=tuple(f"It is {colour}." for colour in COLOURS),
    )


def draw_bars(canvas: Canvas, scene: tuple[bool, str, list[str]]) -> Box:
    most, extreme, others = scene
    rng = canvas.rng
    canvas.background((242, 240, 230))
    heights = {colour: rng.uniform(0.16, 0.38) if most else rng.uniform(0.36, 0.6) for colour in others}
    heights[extreme] = rng.uniform(0.58, 0.68) if most else rng.uniform(0.08, 0.16)
    for line in range(4):
        canvas.line(((-0.36, 0.14 - 0.16 * line), (0.38, 0.14 - 0.16 * line)), (214, 212, 204), 0.012)
    width, box = 0.66 / len(heights), (0.0, 0.0, 0.0, 0.0)
    for index, colour in enumerate(rng.sample(tuple(heights), len(heights))):
        x, paint = -0.32 + width * index, canvas.jitter(colour)
        bar = (x + 0.1 * width, 0.34 - heights[colour], x + 0.9 * width, 0.34)
        canvas.rectangle(bar, paint, shade(paint, 0.75), 0.02)
        box = bar if colour == extreme else box
    canvas.line(((-0.36, -0.38), (-0.36, 0.34), (0.38, 0.34)), INK, 0.03)
    return box


# Continent: its countries, each followed by its capital.
COUNTRIES = {
    "Africa": (
        "Egypt Cairo Kenya Nairobi Ghana Accra Mali Bamako Niger Niamey Morocco Rabat Senegal Dakar Zambia Lusaka"
    ),
    "Asia": (
        "Japan Tokyo China Beijing Iran Tehran Iraq Baghdad "
        "Nepal Kathmandu Vietnam Hanoi Thailand Bangkok Jordan Amman"
    ),
    "Europe": (
        "France Paris Italy Rome Spain Madrid Greece Athens Norway Oslo Austria Vienna Poland Warsaw Ireland Dublin"
    ),
    "Oceania": (
        "Fiji Suva Samoa Apia Tuvalu Funafuti Australia Canberra "
        "Palau Ngerulmud Nauru Yaren Tonga Nukualofa Micronesia Palikir"
    ),
}


def compose_continents(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(COUNTRIES))
    names = COUNTRIES[choices[answer]].split()
    country, capital = rng.choice(tuple(zip(names[::2], names[1::2], strict=True)))
    return Example(
        question=rng.choice(("Where is {}?", "On which continent is {}?", "Which continent is {} in?")).format(
            country
        ),
        hint=hint(rng, ("read an atlas", "got a letter", "told a story")),
        choices=choices,
        answer=answer,
        solution=f"The capital of {country} is {capital}. {capital} is a city in {choices[answer]}.",
    )


FAMILIES = (
    Family("map", SOCIAL, "grade3", "geography", "Maps", "Use cardinal directions on a map", compose_map, draw_map),
    Family("compass", SOCIAL, "grade2", "geography", "Directions", "Read a compass", compose_compass, draw_compass),
    Family("flag", SOCIAL, "grade1", "civics", "Flags", "Describe the stripes of a flag", compose_flag, draw_flag),
    Family("bars", SOCIAL, "grade5", "economics", "Markets", "Compare sales in a bar chart", compose_bars, draw_bars),
    Family(
        "continents", SOCIAL, "grade6", "geography", "Continents", "Find a country's continent", compose_continents
    ),
)
