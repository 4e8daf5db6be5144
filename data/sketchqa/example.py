"""What an example of SketchQA and a family of examples are, and the words that all families share."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from .drawing import Box, Canvas


Option = TypeVar("Option")

# fmt: off
PEOPLE = (
    "Ana", "Ben", "Carla", "Dan", "Ella", "Finn", "Gina", "Hugo", "Iris", "Jack", "Kim", "Leo", "Maya", "Nora", "Omar",
    "Paul", "Rosa", "Sam", "Tara", "Uma", "Vera", "Will", "Yuki", "Zoe", "Amir", "Lina", "Noah", "Mia", "Eva", "Ravi",
)
PLACES = (
    "at home", "at school", "in class", "at camp", "at work", "in town", "on Monday", "on Friday", "on Sunday",
    "last week", "last summer", "last winter", "this morning", "this evening", "near the lake", "near the river",
    "near the forest", "by the sea", "on the farm", "in the park",
)
# fmt: on


CLAUSE_END = re.compile(r"[.,] so |[.]\s+|[.]$")


class Cues(Random):
    """The random numbers of an example.

    `turn` moves the right option on by so many places. All else that is drawn stays, so that twins come of it: the
    same question, hint and options, and a picture in which one cue is another.
    """

    turn = 0


@dataclass(frozen=True)
class Example:
    """One composed example: all its text, the right option, and what its image has to show.

    `answer` is an index into `choices`; without options it is `None`, and `accepted` has what counts as right. `scene`
    is whatever the `draw` function of the same family understands. `claims` are rationales, or statements of them,
    that some picture would make true beside such a question: those that are no part of the solution, this picture
    contradicts.
    """

    question: str
    hint: str
    choices: tuple[str, ...]
    answer: int | None
    solution: str
    accepted: tuple[str, ...] = ()
    scene: Any = None
    claims: tuple[str, ...] = ()

    @property
    def contradicted(self) -> list[str]:
        """The statements of the claims that the picture contradicts."""
        claimed = {statement for claim in self.claims for statement in statements(claim)}
        return sorted(claimed - set(statements(self.solution)))


@dataclass(frozen=True)
class Family:
    """One kind of example: ScienceQA's labels for it, how its text is composed and how its image is drawn.

    `compose(rng)` fixes question, hint and options before it picks the right option, so that the text says nothing
    about the answer. `draw(canvas, scene)` returns the box, in canvas units, around what decides the answer;
    families without it are text-only.
    """

    name: str
    subject: str
    grade: str
    topic: str
    category: str
    skill: str
    compose: Callable[[Random], Example]
    draw: Callable[[Canvas, Any], Box] | None = None


def pick_options(rng: Random, pool: Sequence[Option], least: int = 2, most: int = 4) -> tuple[tuple[Option, ...], int]:
    """Draw `least` to `most` options of `pool` in random order, and after that the index of the right one."""
    count = rng.randint(min(least, len(pool)), min(most, len(pool)))
    return tuple(rng.sample(pool, count)), pick_answer(rng, count)


def pick_answer(rng: Random, count: int) -> int:
    """Draw the index of the right one of `count` options; for a twin, that of another."""
    return (rng.randrange(count) + (rng.turn if isinstance(rng, Cues) else 0)) % count


def statements(rationale: str) -> list[str]:
    """The statements of a rationale, without the words and stops between them."""
    return [statement for statement in CLAUSE_END.split(rationale) if statement]


def hint(rng: Random, deeds: Sequence[str]) -> str:
    """A short sentence such as "Ana drew it near the lake.": it sets the scene and says nothing about the answer."""
    return f"{rng.choice(PEOPLE)} {rng.choice(deeds)} {rng.choice(PLACES)}."
