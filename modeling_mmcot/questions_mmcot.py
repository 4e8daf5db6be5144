"""A question as users ask it: checked, and brought into the form of an example."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from .images_mmcot import show, to_rgb


TEXTS = ("context", "hint", "caption", "rationale")
QUESTION_KEYS = ("question", "choices", "image", *TEXTS)
# Columns of data sets are called like the others only by mistake.
OFTEN_A_COLUMN = "rationale"


def read_question(row: Any) -> dict[str, Any]:
    """An example that prompts are built from, with its pictures in RGB.

    Args:
        row: a mapping with `question`, and where wanted `choices`, `image`, `context` (or `hint`), `caption` and
            `rationale`. `None` and NaN stand for an empty cell. What else it has is left alone.

    Raises:
        ValueError: for what is no question; the message says what to give.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"Each input is a mapping with 'question', not {show(row)}.")
    refuse_near_misses(row)
    texts = {name: cell_text(row, name) for name in ("question", *TEXTS)}
    if texts["question"] is None or not texts["question"].strip():
        raise ValueError("Each input needs a 'question', a text.")
    if texts["context"] and texts["hint"] and texts["context"] != texts["hint"]:
        raise ValueError("'context' and 'hint' are two names of one thing; give one of them.")
    return {
        "question": texts["question"],
        "choices": option_texts(row.get("choices")),
        "hint": texts["context"] or texts["hint"],
        "caption": texts["caption"],
        "rationale": texts["rationale"],
        "image": read_images(row.get("image")),
    }


def refuse_near_misses(row: Mapping[str, Any]) -> None:
    """Refuses a key that is nearly one of ours, where that one is missing: it would be left alone in silence."""
    wanted = [name for name in QUESTION_KEYS if name not in row and name != OFTEN_A_COLUMN]
    for name in row:
        meant = get_close_matches(str(name), wanted, n=1, cutoff=0.8)
        meant = ["choices"] if name == "options" and "choices" in wanted else meant
        if meant and name not in QUESTION_KEYS:
            raise ValueError(f"{show(name)} is no key of an input; write {meant[0]!r}, or leave it out.")


def cell_text(row: Mapping[str, Any], name: str) -> str | None:
    """A text of a question, `None` for an empty cell."""
    value = row.get(name)
    return None if is_empty(value) else plain_text(value, name)


def plain_text(value: Any, name: str) -> str:
    """The text in a field, refused where it is none that can be written as UTF-8."""
    if not isinstance(value, str):
        raise ValueError(f"Each input's {name!r} is a text, not {show(value)}.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name!r} has half a character, {show(value)}; write it as text in UTF-8.") from None
    return str(value)


def option_texts(value: Any) -> list[str]:
    """The options of a question; none for one without."""
    choices = [] if is_empty(value) else list_items(value)
    if choices is None or not all(isinstance(choice, str) for choice in choices):
        raise ValueError(
            "'choices' is a list of options, each a text; give one, or none to a question without options."
        )
    return [plain_text(choice, "choices") for choice in choices]


def read_images(value: Any) -> list[Any]:
    """The pictures of a question: none, one or a list of them."""
    images = list_items(value)
    return [to_rgb(image) for image in ([value] if images is None else images) if not is_empty(image)]


def list_items(value: Any) -> list[Any] | None:
    """The items of a list, `None` for anything else. Tables hand out lists as arrays of objects."""
    if isinstance(value, np.ndarray):
        return value.tolist() if value.ndim == 1 and value.dtype.kind in "OU" else None
    return list(value) if isinstance(value, (list, tuple)) else None


def is_empty(value: Any) -> bool:
    """Whether a cell of a table has nothing in it."""
    return value is None or isinstance(value, float) and math.isnan(value)


def check_pipeline_keywords(given: Iterable[str], known: Sequence[str]) -> None:
    """Refuses keywords that nothing takes.

    Raises:
        ValueError: names the first, and the known one that is nearest.
    """
    for name in given:
        if name not in known:
            raise ValueError(
                f"{show(name)} is neither part of a question nor an argument of generate(); {advice(name, known)}"
            )


def advice(name: str, known: Collection[str]) -> str:
    """What to do about a keyword that is not known: write the one it resembles most, or leave it out."""
    meant = get_close_matches(name, known, n=1)
    return f"did you mean {meant[0]!r}?" if meant else "leave it out."
