"""Examples of SketchQA: they are composed, kept if their text belongs to the split, and only then drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

from ...modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from .drawing import Canvas
from .example import Cues, Example, Family
from .families import ALL_FAMILIES
from .options import SketchQAOptions


# A text belongs to one split for ever: its hash says which tenth of all texts it is in.
TENTHS = ("train",) * 7 + ("validation",) + ("test",) * 2


def generate(split: str, options: SketchQAOptions) -> Iterator[dict[str, Any]]:
    """Yield the examples of a split with their images (`image`: RGB or None; `box`: pixels of that image or None)."""
    if split == "test" and options.pairs:
        yield from _twins(split, options)
        return
    for identifier, family, example, rng in _accepted(split, options):
        yield _columns(identifier, family, example, options) | _drawn(family, example, rng, options)


def _twins(split: str, options: SketchQAOptions) -> Iterator[dict[str, Any]]:
    """Yield pairs of examples that are equal but for one cue in their pictures, and the right option."""
    drawn = replace(options, test=options.pairs, text_only=0.0, pairs=0)
    for pair in zip(_accepted(split, drawn), _accepted(split, drawn, turn=1), strict=True):
        for ending, (identifier, family, example, rng) in zip(("", "-twin"), pair, strict=True):
            of_pairs = {"pair": identifier, "contradicted": example.contradicted}
            columns = _columns(identifier + ending, family, example, options)
            yield columns | of_pairs | _drawn(family, example, rng, options)


def _drawn(family: Family, example: Example, rng: Random, options: SketchQAOptions) -> dict[str, Any]:
    """The image of an example and the box around what decides it, if its family draws any."""
    if family.draw is None:
        return {"image": None, "box": None}
    canvas = Canvas(options.size, rng)
    box = canvas.box_in_pixels(family.draw(canvas, example.scene))
    return {"image": canvas.image(), "box": box}


def compose(split: str, options: SketchQAOptions) -> Iterator[dict[str, Any]]:
    """Yield the same examples without `image` and `box`, which is many times faster."""
    for identifier, family, example, _ in _accepted(split, options):
        yield _columns(identifier, family, example, options)


def text_split(example: Example) -> str:
    """The one split that may have this question, hint and options."""
    text = "\n".join((example.question, example.hint, *example.choices))
    return TENTHS[int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 10]


def _accepted(split: str, options: SketchQAOptions, turn: int = 0) -> Iterator[tuple[str, Family, Example, Random]]:
    chosen = [ALL_FAMILIES[name] for name in options.families]
    drawn = [family for family in chosen if family.draw is not None]
    textual = [family for family in chosen if family.draw is None]
    for index in range(getattr(options, split)):
        # One stream of random numbers per example: how many there are changes none of them.
        rng = Cues(f"{options.seed}/{split}/{index}")
        rng.turn = turn
        wanted = textual if rng.random() < options.text_only else drawn
        family = rng.choice(wanted or chosen)
        example = family.compose(rng)
        while text_split(example) != split:
            example = family.compose(rng)
        yield f"sketchqa-{split}-{index:06d}", family, example, rng


def _columns(identifier: str, family: Family, example: Example, options: SketchQAOptions) -> dict[str, Any]:
    accepted = {ACCEPTED_ANSWERS: list(example.accepted)} if options.without_options else {}
    return {
        "id": identifier,
        "question": example.question,
        "choices": list(example.choices),
        "answer": example.answer,
        **accepted,
        "hint": example.hint,
        "task": "closed choice" if example.choices else "free answer",
        "grade": family.grade,
        "subject": family.subject,
        "topic": family.topic,
        "category": family.category,
        "skill": family.skill,
        "lecture": "",  # it would be the same for a whole family, and every word of it would have to be learned
        "solution": example.solution,
        "family": family.name,
    }
