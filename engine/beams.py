"""Beam search for one text, as `generate()` does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .texts import log_softmax
from .writing_settings import WritingSettings


LEAST = -1e9  # of what cannot be chosen


@dataclass
class Beam:
    """A text in the search.

    Args:
        ids: its tokens, with the one that it began with.
        log_probabilities: of those after it.
        score: while it grows the sum of these; of a whole text, that divided by a power of its length.
        whole: whether it has ended.
    """

    ids: list[int]
    log_probabilities: list[float]
    score: float
    whole: bool = False


class BeamSearch:
    """The best text that several beams find.

    Args:
        key: what the caller knows it by.
        start: the token that it begins with.
        settings: how it is written.
    """

    def __init__(self, key: Any, start: int, settings: WritingSettings):
        self.key = key
        self.settings = settings
        self.seats = settings.num_beams
        # All begin alike, so at first only one of them counts.
        self.running = [Beam([start], [], LEAST if beam else 0.0) for beam in range(self.seats)]
        self.best = [Beam([start], [], LEAST) for _ in range(self.seats)]
        self.can_improve = True
        self.finished = False

    @property
    def tokens(self) -> list[int]:
        """The best text so far."""
        return self.best[0].ids[1:]

    @property
    def log_probabilities(self) -> list[float]:
        """Of its tokens."""
        return self.best[0].log_probabilities

    def advance(self, logits: np.ndarray, ends: Sequence[int]) -> list[int]:
        """Goes on by a token.

        Args:
            logits: after each beam, `(beams, vocabulary)`.
            ends: tokens that end a text.

        Returns:
            Which beam each goes on from.
        """
        length = len(self.running[0].ids)  # tokens after the first, with the next one
        raw = log_softmax(logits)
        allowed = raw
        if length <= self.settings.min_new_tokens:
            allowed = raw.copy()
            allowed[:, list(ends)] = -np.inf
        totals = allowed + np.array([beam.score for beam in self.running], np.float32)[:, None]
        kept = max(2, 1 + len(ends)) * self.seats
        chosen = np.argpartition(-totals, kept - 1, axis=None)[:kept]
        chosen = chosen[np.argsort(-totals.ravel()[chosen], kind="stable")]
        sources, tokens = np.unravel_index(chosen, totals.shape)
        grown = []
        for source, token in zip(sources.tolist(), tokens.tolist(), strict=True):
            beam = self.running[source]
            logs = [*beam.log_probabilities, float(raw[source, token])]
            is_whole = token in ends or length == self.settings.max_new_tokens
            grown.append(Beam([*beam.ids, token], logs, float(totals[source, token]), is_whole))
        self._collect(grown[: self.seats], length)
        going_on = sorted(range(kept), key=lambda place: grown[place].whole)[: self.seats]
        self.running = [grown[place] for place in going_on]
        self._judge(length, all(beam.whole for beam in grown))
        return [int(sources[place]) for place in going_on]

    def _collect(self, grown: Sequence[Beam], length: int) -> None:
        """Puts the texts that have just ended among the best."""
        is_full = self.settings.early_stopping is True and all(beam.whole for beam in self.best)
        if is_full or not self.can_improve:
            return
        ended = [
            Beam(beam.ids, beam.log_probabilities, beam.score / length**self.settings.length_penalty, True)
            for beam in grown
            if beam.whole
        ]
        self.best = sorted([*self.best, *ended], key=lambda beam: -beam.score)[: self.seats]

    def _judge(self, length: int, nothing_goes_on: bool) -> None:
        """Says whether the search is at its end."""
        settings = self.settings
        if settings.early_stopping == "never" and settings.length_penalty > 0:
            reach = settings.max_new_tokens
        else:
            reach = length
        hope = self.running[0].score / reach**settings.length_penalty
        is_full = all(beam.whole for beam in self.best)
        self.can_improve = self.can_improve and (not is_full or hope > min(beam.score for beam in self.best))
        self.finished = not self.can_improve or is_full and settings.early_stopping is True or nothing_goes_on
