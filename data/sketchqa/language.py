"""Families about words and sentences."""

from __future__ import annotations

from random import Random

from .drawing import Box, Canvas, Colour, around, shade
from .example import PEOPLE, PLACES, Example, Family, hint, pick_options


LANGUAGE = "language science"

PREPOSITIONS = {
    "on": "The ball is above the box, so it is on.",
    "under": "The ball is below the box, so it is under.",
    "in": "The box is all around the ball, so it is in.",
    "beside": "The ball is next to the box, so it is beside.",
}


def compose_prepositions(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(PREPOSITIONS))
    return Example(
        question=rng.choice(
            (
                "Where is the ball?",
                "Where does the ball lie?",
                "The ball is ... the box.",
            )
        ),
        hint=hint(rng, ("lost a ball", "has a ball", "hid a ball")),
        choices=choices,
        answer=answer,
        solution=PREPOSITIONS[choices[answer]],
        scene=choices[answer],
        claims=tuple(PREPOSITIONS.values()),
    )


def draw_prepositions(canvas: Canvas, word: str) -> Box:
    rng = canvas.rng
    canvas.background((236, 240, 248))
    canvas.rectangle((-1, 0.37, 1, 1), canvas.jitter((206, 190, 164)))
    side = rng.choice((-1, 1))
    x = -0.15 * side if word == "beside" else rng.uniform(-0.1, 0.1)
    wood = canvas.jitter((178, 126, 74))
    for leg in (x - 0.19, x + 0.19):
        canvas.rectangle((leg - 0.03, 0.1, leg + 0.03, 0.38), shade(wood, 0.7))
    canvas.rectangle((x - 0.22, -0.16, x + 0.22, 0.13), shade(wood, 0.5), wood, 0.05)
    ball = {"on": (x, -0.265), "under": (x, 0.27), "in": (x, -0.015), "beside": (x + 0.37 * side, 0.27)}[word]
    colour = canvas.jitter(rng.choice(("red", "blue", "green", "yellow", "purple")))
    canvas.disc(ball, 0.105, colour, shade(colour, 0.75), 0.02)
    canvas.disc((ball[0] - 0.035, ball[1] - 0.035), 0.025, (255, 255, 255))
    return around(ball, 0.105)


# Singular: plural, colour of the fruit.
FRUITS: dict[str, tuple[str, Colour]] = {
    "apple": ("apples", (214, 48, 46)),
    "pear": ("pears", (178, 200, 60)),
    "lemon": ("lemons", (248, 216, 56)),
    "plum": ("plums", (120, 62, 150)),
    "peach": ("peaches", (248, 160, 96)),
    "melon": ("melons", (76, 158, 76)),
}


# Ellipses that make up a fruit: offset, half width and half height in shares of its radius.
FRUIT_SHAPES = {
    "apple": ((-0.28, 0, 0.72, 0.95), (0.28, 0, 0.72, 0.95)),
    "pear": ((0, 0.3, 0.88, 0.72), (0, -0.4, 0.5, 0.6)),
    "lemon": ((0, 0, 0.98, 0.75), (0, 0, 1.2, 0.2)),
    "plum": ((0, 0, 0.82, 1.0),),
    "peach": ((0, 0, 1.0, 0.92),),
    "melon": ((0, 0, 1.15, 0.92),),
}


def compose_plurals(rng: Random) -> Example:
    singular = rng.choice(tuple(FRUITS))
    choices, answer = pick_options(rng, (singular, FRUITS[singular][0]))
    alone = choices[answer] == singular
    counts = {
        singular: f"There is only one fruit, so the word is {singular}.",
        FRUITS[singular][0]: f"There is more than one fruit, so the word is {FRUITS[singular][0]}.",
    }
    return Example(
        question=rng.choice(("Which word fits the picture?", "What is in the picture?", "Which word is right?")),
        hint=hint(rng, ("went shopping", "packed a basket", "had lunch")),
        choices=choices,
        answer=answer,
        solution=counts[choices[answer]],
        scene=(singular, alone),
        claims=tuple(counts.values()),
    )


def draw_plurals(canvas: Canvas, scene: tuple[str, bool]) -> Box:
    fruit, alone = scene
    canvas.background((246, 240, 226))
    canvas.rounded((-0.4, 0.2, 0.4, 0.42), 0.1, canvas.jitter((206, 220, 232)))
    if alone:
        _draw_fruit(canvas, fruit, 0, 0.04, 0.25)
        return around((0, 0.04), 0.29)
    places = [(-0.22, 0.17), (0.22, 0.17), (0, -0.18), (0, 0.2)][: canvas.rng.randint(2, 4)]
    for x, y in places:
        _draw_fruit(canvas, fruit, x, y, 0.15)
    return -0.4, -0.38, 0.4, 0.38


def _draw_fruit(canvas: Canvas, fruit: str, x: float, y: float, radius: float) -> None:
    colour = canvas.jitter(FRUITS[fruit][1])
    for paint, rim in ((shade(colour, 0.7), 0.018), (colour, 0.0)):
        for dx, dy, half_width, half_height in FRUIT_SHAPES[fruit]:
            centre = (x + radius * dx, y + radius * dy)
            canvas.ellipse(around(centre, radius * half_width + rim, radius * half_height + rim), paint)
    if fruit == "melon":
        for share in (0.75, 0.35):
            canvas.ellipse(around((x, y), share * radius, 0.9 * radius), shade(colour, 0.7 if share > 0.5 else 1.15))
    canvas.disc((x - 0.4 * radius, y - 0.1 * radius), 0.13 * radius, shade(colour, 1.3))
    canvas.line(((x, y - 0.7 * radius), (x + 0.1 * radius, y - 1.25 * radius)), (104, 74, 48), 0.03)
    canvas.ellipse(
        (x + 0.1 * radius, y - 1.3 * radius, x + 0.75 * radius, y - 0.95 * radius), canvas.jitter((84, 160, 72))
    )


# Base form, past, thing.
ACTIONS = (
    ("open", "opened", "the door"),
    ("wash", "washed", "the dog"),
    ("paint", "painted", "the wall"),
    ("clean", "cleaned", "the car"),
    ("cook", "cooked", "the soup"),
    ("pack", "packed", "the bag"),
    ("carry", "carried", "the box"),
    ("water", "watered", "the plant"),
)
EXCLAIMED = (
    "lovely day",
    "big cake",
    "loud noise",
    "fast car",
    "huge dog",
    "great game",
    "pretty garden",
    "funny hat",
)
SENTENCES = {
    "statement": "It tells us a fact, so it is a statement.",
    "question": "It asks for an answer, so it is a question.",
    "command": "It tells someone to act, so it is a command.",
    "exclamation": "It shows a strong feeling, so it is an exclamation.",
}


def compose_sentences(rng: Random) -> Example:
    choices, answer = pick_options(rng, tuple(SENTENCES))
    return Example(
        question=rng.choice(
            ("What kind of sentence is this?", "Which kind of sentence is it?", "What is this sentence?")
        ),
        hint=_sentence(rng, choices[answer]),
        choices=choices,
        answer=answer,
        solution=SENTENCES[choices[answer]],
    )


def _sentence(rng: Random, kind: str) -> str:
    (base, past, thing), person, place = rng.choice(ACTIONS), rng.choice(PEOPLE), rng.choice(PLACES)
    if kind == "statement":
        return f"{person} {past} {thing} {place}."
    if kind == "question":
        return f"Did {person} {base} {thing} {place}?"
    if kind == "command":
        return f"Please {base} {thing} {place}, {person}."
    return f"What a {rng.choice(EXCLAIMED)} {person} had {place}!"


FAMILIES = (
    Family(
        "prepositions",
        LANGUAGE,
        "grade1",
        "grammar",
        "Prepositions",
        "Choose the preposition that fits a picture",
        compose_prepositions,
        draw_prepositions,
    ),
    Family(
        "plurals",
        LANGUAGE,
        "grade2",
        "grammar",
        "Nouns",
        "Choose the singular or the plural of a noun",
        compose_plurals,
        draw_plurals,
    ),
    Family(
        "sentences", LANGUAGE, "grade3", "punctuation", "Sentences", "Name the kind of a sentence", compose_sentences
    ),
)
