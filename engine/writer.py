"""Writes texts, as many together as there are seats: where one is finished, the next begins."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .beams import BeamSearch
from .drafts import Drafts
from .folder import ExportedStage
from .graphs import GraphFiles, ReadPrompt
from .running_rows import RunningRows
from .texts import GrowingText, log_probability_of
from .writing_settings import WritingSettings


@dataclass
class Request:
    """A text that is to be written.

    Args:
        key: what the caller knows it by.
        prompt: what it is written after.
        seed: what its tokens are drawn with.
    """

    key: Any
    prompt: ReadPrompt
    seed: int | tuple[int, ...] | None = None


Finished = list[GrowingText | BeamSearch]


class Writer:
    """Writes the texts of a stage.

    Args:
        stage: what the export says of it.
        files: its graphs.
        settings: how the texts are written.
        texts: so many at once.
        drafts: guesses of what comes next, which are checked; the texts are the same without.
    """

    def __init__(
        self,
        stage: ExportedStage,
        files: GraphFiles,
        settings: WritingSettings,
        texts: int,
        drafts: Drafts | None = None,
    ):
        self.stage = stage
        self.settings = settings
        self.seats = texts * settings.num_beams
        self.rows = RunningRows(stage, files, self.seats)
        self.texts: list[Any] = []  # in the order of their seats
        self.drafts = drafts
        self.advance: Callable[[], Finished] = self._search if settings.num_beams > 1 else self._go_on

    def write(self, requests: Iterator[Request]) -> Iterator[Finished]:
        """Writes texts until there are no more requests.

        Yields:
            After each step the texts that it finished, often none.
        """
        while True:
            while len(self.texts) * self.settings.num_beams < self.seats:
                request = next(requests, None)
                if request is None:
                    break
                self._begin(request)
            if not self.texts:
                return
            finished = self.advance()
            for text in finished:
                self._end(text, requests)
            yield finished

    def _begin(self, request: Request, seat: int | None = None) -> None:
        """Gives a new text its seats: those of a finished one, or free ones."""
        text: Any
        if self.settings.num_beams > 1:
            text = BeamSearch(request.key, self.stage.start, self.settings)
        else:
            generator = np.random.default_rng(request.seed) if self.settings.do_sample else None
            text = GrowingText(request.key, self.stage.start, self.settings, generator)
        if seat is None:
            self.texts.append(text)
            for _ in range(text.seats):
                self.rows.add(request.prompt)
            return
        self.texts[seat // text.seats] = text
        for row in range(seat, seat + text.seats):
            self.rows.replace(row, request.prompt)

    def _end(self, text: GrowingText | BeamSearch, requests: Iterator[Request]) -> None:
        """Gives the seats of a finished text to the next; without one the last text moves there."""
        place = self.texts.index(text)
        request = next(requests, None)
        if request is not None:
            self._begin(request, place * text.seats)
            return
        for row in reversed(range(place * text.seats, (place + 1) * text.seats)):
            self.rows.remove(row)
        last = self.texts.pop()
        if last is not text:
            self.texts[place] = last

    def _search(self) -> Finished:
        """Lets every beam search go on by a token."""
        ids = np.array([[beam.ids[-1]] for text in self.texts for beam in text.running])
        logits = self.rows.step(ids)[:, 0]
        self.rows.keep([1] * len(ids))
        for place, text in enumerate(self.texts):
            first = place * text.seats
            sources = text.advance(logits[first : first + text.seats], self.stage.ends)
            if sources != list(range(text.seats)):
                self.rows.reorder(first, sources)
        return [text for text in self.texts if text.finished]

    def _go_on(self) -> Finished:
        """Lets every text go on by a token, or by several where a draft was right."""
        guesses = [self._guess(text) for text in self.texts]
        ids = np.full((len(guesses), 1 + max(map(len, guesses))), self.stage.padding)
        for row, (text, guess) in enumerate(zip(self.texts, guesses, strict=True)):
            ids[row, : 1 + len(guess)] = [text.ids[-1], *guess]
        logits = self.rows.step(ids)
        best = logits.argmax(-1)
        counts = [self._take(text, logits[row], best[row], guesses[row]) for row, text in enumerate(self.texts)]
        self._note_probabilities(logits, counts)
        self.rows.keep(counts)
        return [text for text in self.texts if text.finished]

    def _guess(self, text: GrowingText) -> list[int]:
        """What may follow, and leaves room for the token after it."""
        return self.drafts.guess(text.ids, self.settings.max_new_tokens - len(text.ids)) if self.drafts else []

    def _take(self, text: GrowingText, logits: np.ndarray, best: np.ndarray, guess: list[int]) -> int:
        """Lets a text take the token after its last one, and after each of a guess that is right; gives how many."""
        for place, guessed in enumerate([*guess, None]):
            token = self._choose(text, logits[place], best[place])
            text.append(token, self.stage.ends)
            if token != guessed or text.finished:
                return place + 1
        raise AssertionError("the last guess is none")

    def _choose(self, text: GrowingText, logits: np.ndarray, best: int) -> int:
        """The next token of a text."""
        if text.generator is None and (text.may_end() or best not in self.stage.ends):
            return int(best)
        if not text.may_end():
            logits = logits.copy()
            logits[list(self.stage.ends)] = -np.inf
        return int(logits.argmax()) if text.generator is None else text.draw(logits)

    def _note_probabilities(self, logits: np.ndarray, counts: list[int]) -> None:
        """Notes how probable the model itself found the tokens that were just taken."""
        rows = np.repeat(np.arange(len(counts)), counts)
        places = np.concatenate([np.arange(count) for count in counts])
        tokens = np.concatenate([text.ids[-count:] for text, count in zip(self.texts, counts, strict=True)])
        values = iter(log_probability_of(logits[rows, places], tokens).tolist())
        for text, count in zip(self.texts, counts, strict=True):
            text.log_probabilities += [next(values) for _ in range(count)]


def written_log_probability(text: GrowingText | BeamSearch, padding: int) -> float:
    """Logarithm of how probable the model finds a whole text. What pads it, is no part of it."""
    tokens, logs = text.tokens, text.log_probabilities
    length = len(tokens)
    while length and tokens[length - 1] == padding:
        length -= 1
    return float(sum(logs[:length]))
