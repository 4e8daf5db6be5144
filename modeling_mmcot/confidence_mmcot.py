"""What a model wrote and how probable it found it, and the confidence in an answer that follows from both."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


TINY = 1e-30  # a probability of 0 has no logarithm


@dataclass
class Written:
    """What the model of a stage wrote for a question.

    Args:
        text: without special tokens.
        scores: how probable the model finds each option, given all that it read and that one of them is the answer;
            `None` for a stage that writes more than an answer.
        log_probability: natural logarithm of how probable it finds the whole text, given all that it read; `None` for
            a stage with scores, and for a text that no model wrote.
    """

    text: str
    scores: list[float] | None = None
    log_probability: float | None = None


def log_confidence(written: Iterable[Written], choice: int | None) -> float | None:
    """Logarithm of how probable the models found the way to an answer: their rationale, then the option.

    `scores` alone are probabilities given the one rationale that was written, however unsure the model was of it.

    Args:
        written: what each stage wrote.
        choice: position of the option that the answer names, `None` for none.

    Returns:
        `None` where no option was named, and where a text did not come from a model.
    """
    if choice is None:
        return None
    logarithms = [
        each.log_probability if each.scores is None else math.log(max(each.scores[choice], TINY)) for each in written
    ]
    known = [value for value in logarithms if value is not None]
    return sum(known) if len(known) == len(logarithms) else None


def calibrated(logarithm: float | None, temperature: float | None) -> float | None:
    """The probability that an answer is right, from its [`log_confidence`].

    Args:
        temperature: see `MMCoTConfig.confidence_temperature`; without one, nothing is claimed.
    """
    return None if logarithm is None or temperature is None else math.exp(logarithm / temperature)
