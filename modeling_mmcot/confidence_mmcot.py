"""What a model wrote and how probable it found it, and the confidence in an answer that follows from both."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


TINY = 1e-30  # a probability of 0 has no logarithm


@dataclass
class Written:
    """What the model of a stage wrote for a question.

    Args:
        text: without special tokens.
        scores: how probable the model finds each option, given all that it read and that one of them is the answer;
            `None` for a question without options, and for a stage that writes more than an answer.
        log_probability: natural logarithm of how probable it finds the whole text, given all that it read; `None`
            beside scores, and for a text that no model wrote.
    """

    text: str
    scores: list[float] | None = None
    log_probability: float | None = None


@dataclass(frozen=True)
class Temperatures:
    """What makes probabilities into confidences, see [`calibrated`]; `None` where it was not fitted.

    The two kinds of questions have temperatures of their own: the probability of an option is one among a few, that of
    a text one among all texts, of which many may say the same.

    Args:
        of_options: for answers that are options.
        of_words: for answers in words.
    """

    of_options: float | None = None
    of_words: float | None = None

    def of(self, choices: Sequence[str]) -> float | None:
        """That for a question with these options, or with none."""
        return self.of_options if choices else self.of_words


def log_confidence(written: Iterable[Written], given: int | str | None) -> float | None:
    """Logarithm of how probable the models found the way to an answer: their rationale, then the option, or where
    there are none the text of the answer.

    `scores` alone are probabilities given the one rationale that was written, however unsure the model was of it.

    Args:
        written: what each stage wrote.
        given: the answer: position of an option, or words; `None` for none.

    Returns:
        `None` where there is no answer, and where a text did not come from a model.
    """
    if given is None:
        return None
    logarithms = [
        math.log(max(each.scores[given], TINY)) if each.scores and isinstance(given, int) else each.log_probability
        for each in written
    ]
    known = [value for value in logarithms if value is not None]
    return sum(known) if len(known) == len(logarithms) else None


def calibrated(logarithm: float | None, temperature: float | None) -> float | None:
    """The probability that an answer is right, from its [`log_confidence`].

    Args:
        temperature: see [`Temperatures`]; without one, nothing is claimed.
    """
    return None if logarithm is None or temperature is None else math.exp(logarithm / temperature)
