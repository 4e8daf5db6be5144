"""How a text is written: the settings of `generate()` that this engine has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..modeling_mmcot.allowed_mmcot import PLAIN_KINDS, check_kinds, whole
from ..modeling_mmcot.images_mmcot import show


# What a caller may say.
WRITING_KEYWORDS = (
    *("max_new_tokens", "max_length", "min_new_tokens"),
    *("do_sample", "temperature", "top_k", "top_p", "seed"),
    *("num_beams", "length_penalty", "early_stopping"),
)
# What a model's own settings may say without effect.
IDLE = {"num_return_sequences": 1, "num_beam_groups": 1, "min_length": 0, "return_dict_in_generate": False}
LARGEST_SEED = 2**32 - 1
KINDS_OF_WRITING = {
    **{name: kind for name, kind in PLAIN_KINDS.items() if name in WRITING_KEYWORDS},
    "seed": whole(0, LARGEST_SEED),
}


@dataclass(frozen=True)
class WritingSettings:
    """How a stage writes.

    Args:
        max_new_tokens: after so many a text ends.
        min_new_tokens: before so many it does not.
        do_sample: draw each token, instead of taking the likeliest.
        temperature: divides logits before a token is drawn.
        top_k: only the likeliest so many are drawn from; 0 for all.
        top_p: only the likeliest that together have this probability.
        seed: of what is drawn; without one, it is different each time.
        num_beams: texts that are followed at once.
        length_penalty: power of the length that the score of a text is divided by.
        early_stopping: when the search ends: with the first `num_beams` texts, or with those that nothing can better,
            by a guess (false) or for certain (`"never"`).
    """

    max_new_tokens: int
    min_new_tokens: int = 0
    do_sample: bool = False
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    seed: int | None = None
    num_beams: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False


def require_known_settings(settings: Mapping[str, Any]) -> None:
    """Refuses a model's own settings that this engine has not.

    Raises:
        ValueError: names the setting and what to do.
    """
    for name, value in settings.items():
        if name not in WRITING_KEYWORDS and value is not None and value != IDLE.get(name):
            raise ValueError(f"The model writes with {name}={show(value)}, which only torch has; use it with torch.")


def settle(own: Mapping[str, Any], given: Mapping[str, Any]) -> WritingSettings:
    """What a call and the model say together.

    Args:
        own: what the model's settings say.
        given: what the caller says; `None` says nothing.

    Raises:
        ValueError: for what this engine has not, and for values of the wrong kind; says what to give.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in WRITING_KEYWORDS:
            raise ValueError(f"{name!r} is only known to the engine torch; leave it out, or use that engine.")
    check_kinds(given, KINDS_OF_WRITING)
    settings = {name: value for name, value in own.items() if name in WRITING_KEYWORDS and value is not None}
    settings |= given
    longest = settings.pop("max_length", None)
    if longest is not None and "max_new_tokens" not in given:
        settings["max_new_tokens"] = longest - 1  # it counts the token that begins every text, too
    settled = WritingSettings(**settings)
    if settled.num_beams > 1 and settled.do_sample:
        raise ValueError("num_beams and do_sample together are only known to the engine torch; leave one of them out.")
    if settled.max_new_tokens < 1:
        raise ValueError("max_length is 1, the token that begins every text; give 2 or more.")
    return settled
