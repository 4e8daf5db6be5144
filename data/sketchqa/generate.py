"""Rows of SketchQA: problems are composed, kept if their text belongs to the split, and only then drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from random import Random
from typing import Any

from .drawing import Canvas
from .families import FAMILIES
from .options import SketchQAOptions
from .problem import Family, Problem


# A text belongs to one split for ever: its hash says which tenth of all texts it is in.
TENTHS = ("train",) * 7 + ("validation",) + ("test",) * 2


def generate(split: str, options: SketchQAOptions) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split with their pictures (`image`: RGB or None; `box`: pixels of that picture or None)."""
    for identifier, family, problem, rng in _accepted(split, options):
        image, box = None, None
        if family.draw is not None:
            canvas = Canvas(options.size, rng)
            box = canvas.box_in_pixels(family.draw(canvas, problem.scene))
            image = canvas.picture()
        yield _row(identifier, family, problem) | {"image": image, "box": box}


def compose(split: str, options: SketchQAOptions) -> Iterator[dict[str, Any]]:
    """Yield the same rows without `image` and `box`, which is many times faster."""
    for identifier, family, problem, _ in _accepted(split, options):
        yield _row(identifier, family, problem)


def text_split(problem: Problem) -> str:
    """The one split that may contain this question, hint and options."""
    text = "\n".join((problem.question, problem.hint, *problem.choices))
    return TENTHS[int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 10]


def _accepted(split: str, options: SketchQAOptions) -> Iterator[tuple[str, Family, Problem, Random]]:
    chosen = [FAMILIES[name] for name in options.families]
    pictured = [family for family in chosen if family.draw is not None]
    unpictured = [family for family in chosen if family.draw is None]
    for index in range(getattr(options, split)):
        # One stream of random numbers per row: how many rows there are changes none of them.
        rng = Random(f"{options.seed}/{split}/{index}")
        without_picture = rng.random() < options.text_only
        family = rng.choice((unpictured if without_picture else pictured) or chosen)
        problem = family.compose(rng)
        while text_split(problem) != split:
            problem = family.compose(rng)
        yield f"sketchqa-{split}-{index:06d}", family, problem, rng


def _row(identifier: str, family: Family, problem: Problem) -> dict[str, Any]:
    return {
        "id": identifier,
        "question": problem.question,
        "choices": list(problem.choices),
        "answer": problem.answer,
        "hint": problem.hint,
        "task": "closed choice",
        "grade": family.grade,
        "subject": family.subject,
        "topic": family.topic,
        "category": family.category,
        "skill": family.skill,
        "lecture": "",  # it would be the same for a whole family, and every word of it would have to be learned
        "solution": problem.solution,
        "family": family.name,
    }
