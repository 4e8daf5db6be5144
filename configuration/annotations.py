"""What the fields of a dataclass may hold, by their annotations: kinds of values, words to choose from, ranges."""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import Field, dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from .yaml_text import LARGEST, shortened


# What a recipe can hold. A value or annotation of any other kind is the Trainer's affair.
KINDS = (bool, int, float, str, list, dict, NoneType)


class RecipeError(ValueError):
    """A recipe that cannot be run; the message names the key and says what to do."""


@dataclass(frozen=True)
class Range:
    """The limits of a number, as in `Annotated[int, Range(at_least=1)]`."""

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def holds(self, number: float) -> bool:
        """Whether a number lies within the limits."""
        return (
            (self.at_least is None or number >= self.at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )

    def __str__(self) -> str:
        limits = {name.replace("_", " "): limit for name, limit in vars(self).items() if limit is not None}
        return " and ".join(f"{name} {limit}" for name, limit in limits.items())


def keys_of(kind: type) -> dict[str, Field]:
    """Key in the recipe -> field of a dataclass. A field with another name says `metadata={"key": ...}`."""
    return {entry.metadata.get("key", entry.name): entry for entry in fields(kind) if entry.init}


@cache
def annotations_of(kind: type) -> dict[str, Any]:
    """Key in the recipe -> annotation of a dataclass's field.

    Annotations that inherited fields get instead of their own stand in the class attribute `narrowed`. The fields of
    transformers' argument classes may say `metadata={"choices": ...}`, which a field that overrides them inherits.
    """
    hints = get_type_hints(kind, include_extras=True) | getattr(kind, "narrowed", {})
    for base in filter(is_dataclass, kind.__mro__):
        for entry in fields(base):
            if "choices" in entry.metadata:
                words: Any = Literal[tuple(entry.metadata["choices"])]
                hints[entry.name] = words | None if NoneType in alternatives(hints[entry.name]) else words
    return {key: hints[entry.name] for key, entry in keys_of(kind).items()}


def nearest(key: str, known: Collection[str], cutoff: float = 0.5) -> str | None:
    """The known key that a mistyped one resembles most, if it does resemble one."""
    return next(iter(difflib.get_close_matches(key[:100], known, n=1, cutoff=cutoff)), None)


def check_keys(section: str, keys: Collection[str], known: Collection[str]) -> None:
    """Refuses an unknown key with the nearest known one."""
    for key in keys:
        if key not in known:
            similar = nearest(key, known)
            hint = f"did you mean {similar}?" if similar else f"known are {shortened(', '.join(known), 300)}."
            raise RecipeError(f"Unknown key {f'{section}.' * bool(section)}{shortened(key)}: {hint}")


def check_fields(instance: Any) -> None:
    """Refuses a dataclass with a value that its annotations do not allow; for its `__post_init__`."""
    values = {key: getattr(instance, entry.name) for key, entry in keys_of(type(instance)).items()}
    check_values(type(instance), values)


def check_values(kind: type, values: Mapping[str, Any], section: str = "") -> None:
    """Refuses values, by key, that the annotations of a dataclass do not allow.

    Raises:
        RecipeError: names the key, after the section if there is one.
    """
    annotations = annotations_of(kind)
    for key, value in values.items():
        check_value(f"{section}.{key}" if section else key, value, annotations[key])


def check_value(place: str, value: Any, annotation: Any) -> None:
    """Refuses a value that an annotation does not allow, or whose parts are not what it says they are."""
    options = alternatives(annotation)
    if type(value) not in KINDS or not all(kind_of(option) in KINDS for option in options):
        return
    fitting = [option for option in options if is_kind(value, kind_of(option))]
    chosen = [option for option in fitting if get_origin(option) is not Literal or value in get_args(option)]
    if not chosen:
        raise RecipeError(f"{place} is {shown(value)}; {remedy(options)}.")
    if isinstance(value, (int, float)) and not -LARGEST < value < LARGEST:
        raise RecipeError(f"{place} is {shown(value)}; it must be a finite number below 2**63.")
    check_parts(place, value, chosen[0])


def remedy(options: list[Any]) -> str:
    """What a value has to be instead."""
    options = [option for option in options if option is not NoneType]
    if all(get_origin(option) is Literal for option in options):
        return f"use one of {', '.join(str(word) for option in options for word in get_args(option))}"
    return f"it must be {' or '.join(dict.fromkeys(kind_of(option).__name__ for option in options))}"


def check_parts(place: str, value: Any, option: Any) -> None:
    """Checks the range of a number, the items of a list, the entries of a dictionary."""
    arguments = get_args(option)
    if get_origin(option) is Annotated:
        for limits in arguments[1:]:
            if not limits.holds(value):
                raise RecipeError(f"{place} is {shown(value)}; it must be {limits}.")
    elif get_origin(option) is list:
        for number, item in enumerate(value):
            check_value(f"{place}[{number}]", item, arguments[0])
    elif get_origin(option) is dict:
        for key, entry in value.items():
            check_value(f"a key of {place}", key, arguments[0])
            check_value(f"{place}.{key}", entry, arguments[1])


def alternatives(annotation: Any) -> list[Any]:
    """The members of a union, or the annotation alone. An enumeration, also as `Enum | str`, gives its words."""
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else [annotation]
    words = [entry.value for member in members if is_enumeration(member) for entry in member]
    if not words:
        return list(members)
    return [Literal[tuple(words)], *(member for member in members if member is not str and not is_enumeration(member))]


def is_enumeration(annotation: Any) -> bool:
    """Whether an annotation is a class of named words."""
    return isinstance(annotation, type) and issubclass(annotation, Enum)


def kind_of(option: Any) -> Any:
    """The kind of value behind an annotation: `list` for `list[str]`, `str` for a choice of words."""
    if get_origin(option) is Annotated:
        return get_origin(get_args(option)[0]) or get_args(option)[0]
    if get_origin(option) is Literal:
        return type(get_args(option)[0])
    return get_origin(option) or option


def is_kind(value: Any, kind: type) -> bool:
    """Whether a value is of a kind: a whole number also serves as a fraction, a boolean never as a number."""
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else kind)


def shown(value: Any) -> str:
    """A value in a message."""
    return shortened(repr(value))
