"""A text while it is written: token by token, or as the best of several beams."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .writing_settings import WritingSettings


class GrowingText:
    """A text of which each token is the likeliest, or drawn.

    Args:
        key: what the caller knows it by.
        start: the token that it begins with.
        settings: how it is written.
        generator: what its tokens are drawn with.
    """

    seats = 1

    # `np.random` loads when it is first used, and most texts are not drawn.
    def __init__(self, key: Any, start: int, settings: WritingSettings, generator: "np.random.Generator | None"):
        self.key = key
        self.ids = [start]
        self.log_probabilities: list[float] = []
        self.settings = settings
        self.generator = generator
        self.finished = False

    @property
    def tokens(self) -> list[int]:
        """What was written, without the token that it began with."""
        return self.ids[1:]

    def may_end(self) -> bool:
        """Whether its next token may be its last."""
        return len(self.ids) > self.settings.min_new_tokens

    def draw(self, logits: np.ndarray) -> int:
        """A token by its probability; `logits (vocabulary,)` are those of the tokens that may follow."""
        assert self.generator is not None
        probabilities = drawing_probabilities(logits, self.settings).cumsum()
        return int(np.searchsorted(probabilities, self.generator.random() * probabilities[-1], side="right"))

    def append(self, token: int, ends: Sequence[int]) -> None:
        """Takes a token."""
        self.ids.append(token)
        self.finished = token in ends or len(self.ids) > self.settings.max_new_tokens


def drawing_probabilities(logits: np.ndarray, settings: WritingSettings) -> np.ndarray:
    """What the tokens `(vocabulary,)` are drawn with."""
    scores = logits.astype(np.float64) / settings.temperature
    if 0 < settings.top_k < len(scores):
        least = np.partition(scores, -settings.top_k)[-settings.top_k]
        scores[scores < least] = -np.inf
    if settings.top_p < 1:
        order = np.argsort(-scores, kind="stable")
        shares = softmax(scores[order])
        # The first one that reaches the share is in.
        scores[order[shares.cumsum() - shares >= settings.top_p]] = -np.inf
    return softmax(scores)


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities along the last axis."""
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities along the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def log_probability_of(logits: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Logarithms `(rows,)` of how probable tokens `(rows,)` are by `logits (rows, vocabulary)`."""
    rows = np.arange(len(tokens))
    # How far all others lie below, together: added up beside a chosen one of 1, most of them would be rounded away.
    others = logits - logits[rows, tokens][:, None]
    others[rows, tokens] = -np.inf
    largest = others.max(-1)
    return -np.logaddexp(0, largest + np.log(np.exp(others - largest[:, None]).sum(-1)))
