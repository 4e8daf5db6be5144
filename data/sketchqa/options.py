"""What a user may choose about SketchQA, and the short text it is chosen with."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from typing import Any

from ...configuration.annotations import nearest
from .families import ALL_FAMILIES, FAMILIES, FREE_FAMILIES


@dataclass(frozen=True)
class SketchQAOptions:
    """Sizes and content of the data set.

    `train`, `validation` and `test` are numbers of examples, `size` the side of an image in pixels, `families` the
    names of the families to draw from (by default all that have options), and `text_only` the share of examples
    without an image (where the families allow it). With `pairs`, the split `test` holds so many pairs of twins
    instead: the same question about pictures in which one cue is another.
    """

    train: int = 20_000
    validation: int = 500
    test: int = 1_000
    seed: int = 0
    size: int = 64
    families: tuple[str, ...] = tuple(FAMILIES)
    text_only: float = 0.2
    pairs: int = 0

    def __post_init__(self) -> None:
        for split in ("train", "validation", "test"):
            if getattr(self, split) < 0:
                raise ValueError(f"SketchQA's {split} must be 0 or more problems, got {getattr(self, split)}.")
        if self.pairs < 0:
            raise ValueError(f"SketchQA's pairs must be 0 or more, got {self.pairs}.")
        if self.pairs and not any(ALL_FAMILIES[name].draw for name in self.families if name in ALL_FAMILIES):
            raise ValueError("SketchQA's pairs are of pictures; add a family that has some.")
        if self.size < 16:
            raise ValueError(f"SketchQA's size must be at least 16 pixels, got {self.size}.")
        if not 0 <= self.text_only <= 1:
            raise ValueError(f"SketchQA's text_only is a share between 0 and 1, got {self.text_only}.")
        if not self.families:
            raise ValueError(f"SketchQA needs at least one family; there are {', '.join(ALL_FAMILIES)}.")
        for name in self.families:
            _check_name("family", name, ALL_FAMILIES)

    @property
    def without_options(self) -> bool:
        """Whether some questions have no options."""
        return any(name in FREE_FAMILIES for name in self.families)


def parse_options(text: str) -> SketchQAOptions:
    """Read options such as `train=20000,test=1000,families=moon+map`; an empty text gives the defaults.

    Raises:
        ValueError: a key or family is unknown or a value does not fit; the message names it and what is allowed.
    """
    readers: dict[str, Callable[[str], Any]] = {field.name: int for field in fields(SketchQAOptions)}
    readers |= {"families": lambda names: tuple(names.split("+")), "text_only": float}
    values: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        key, _, value = (piece.strip() for piece in part.partition("="))
        _check_name("option", key, readers)
        try:
            values[key] = readers[key](value)
        except ValueError:
            raise ValueError(f"SketchQA's {key} must be a number, got '{value}'.") from None
    return SketchQAOptions(**values)


def _check_name(kind: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        similar = nearest(name, known)
        guess = f" (the nearest is '{similar}')" if similar else ""
        raise ValueError(f"SketchQA has no {kind} '{name}'{guess}; choose from {', '.join(known)}.")
