"""The texts that are being written together: what their decoder has seen so far, in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .folder import ExportedStage
from .graphs import GraphFiles, ReadPrompt


GROWTH = 32  # tokens by which the cache grows
SHRINK = 0.7  # share of a room that is needed, below which it is made smaller


@dataclass(frozen=True)
class TokenOrder:
    """How tokens that a row reads at once stand to each other.

    Args:
        depth: of each behind the first, `(query,)`.
        seen: which of them each sees, itself included, `(query, query)`.
    """

    depth: np.ndarray
    seen: np.ndarray


@cache
def one_after_another(tokens: int) -> TokenOrder:
    """The order of tokens in a text."""
    return TokenOrder(np.arange(tokens), np.tri(tokens, dtype=bool))


class RunningRows:
    """Keys and values of rows that have a seat each, and the graph that goes on with them.

    A token's keys and values stay where they were written once, and rows need not be equally long: a table of
    distances and a mask say for each row which slots are before the token, and how far.

    Args:
        stage: what the export says of it.
        files: its graphs.
        seats: rows that there is room for.
    """

    def __init__(self, stage: ExportedStage, files: GraphFiles, seats: int):
        step = stage.graphs["step"]
        assert step is not None
        self.stage = stage
        self.session = files.open(step)
        self.binding = self.session.io_binding()
        self.count = 0  # of seats that are taken, the first ones
        self.lengths = np.zeros(seats, np.int64)  # tokens of each row in the cache
        self.read_lengths = np.zeros(seats, np.int64)  # tokens of its prompt
        self.past = self._room(seats, GROWTH)
        self.cross = self._room(seats, 1)
        self._bound: tuple[int, ...] | None = None

    def _room(self, seats: int, tokens: int) -> np.ndarray:
        """Keys and values of every layer, `(2 * layers, seats, heads, tokens, key)`.

        Zeros: what is masked counts nothing, but only if it is a number.
        """
        stage = self.stage
        return np.zeros((2 * stage.layers, seats, stage.heads, tokens, stage.key_size), np.float32)

    def _moved(self, room: np.ndarray, tokens: int) -> np.ndarray:
        """Room for another number of tokens, with what the old one holds."""
        larger = self._room(room.shape[1], tokens)
        kept = min(tokens, room.shape[3])
        larger[:, : self.count, :, :kept] = room[:, : self.count, :, :kept]
        self._bound = None
        return larger

    def add(self, prompt: ReadPrompt) -> None:
        """Takes the next seat for a row that reads a prompt."""
        self.count += 1
        self.replace(self.count - 1, prompt)

    def replace(self, seat: int, prompt: ReadPrompt) -> None:
        """Gives a seat to a row that reads a prompt."""
        self.lengths[seat], self.read_lengths[seat] = 0, prompt.length
        longest, there = int(self.read_lengths[: self.count].max()), self.cross.shape[3]
        if not there * SHRINK <= longest <= there:
            self.cross = self._moved(self.cross, longest)
        for states, own in zip(self.cross, prompt.states, strict=True):
            states[seat, :, : prompt.length] = own[prompt.row, :, : prompt.length]
        slots = slots_for(int(self.lengths[: self.count].max()) + 1)
        if slots < self.past.shape[3] * SHRINK:
            self.past = self._moved(self.past, slots)

    def remove(self, seat: int) -> None:
        """Frees a seat; the last row moves there."""
        self.count -= 1
        if seat != self.count:
            for each in (self.lengths, self.read_lengths):
                each[seat] = each[self.count]
            for room in (self.past, self.cross):
                room[:, seat] = room[:, self.count]

    def reorder(self, first: int, sources: Sequence[int]) -> None:
        """Lets the rows from `first` on go on as copies of others among them, counted from there; all of them read one
        prompt and are equally long."""
        rows, length = first + np.asarray(sources), self.lengths[first]
        self.past[:, first : first + len(rows), :, :length] = self.past[:, rows, :, :length]

    def step(self, ids: np.ndarray, order: TokenOrder | None = None) -> np.ndarray:
        """Logits `(rows, query, vocabulary)` after each of some more tokens of each row; overwritten by the next call.

        Args:
            ids: the tokens, `(rows, query)`.
            order: how those of a row stand to each other; by default one after another.
        """
        queries, slots = ids.shape[1], self.past.shape[3]
        order = order or one_after_another(queries)
        shape = (self.count, queries, slots, self.cross.shape[3])
        if self._bound != shape:
            self._bind(*shape)
        lengths, places = self.lengths[: self.count, None, None], np.arange(slots)
        self.ids[:] = ids
        self.distance[..., :slots] = lengths + order.depth[:, None] - places
        self.distance[..., slots:] = order.depth[:, None] - order.depth
        self.slot_mask[..., :slots] = places < lengths
        self.slot_mask[..., slots:] = order.seen
        self.text_mask[:] = np.arange(self.cross.shape[3]) < self.read_lengths[: self.count, None]
        self.session.run_with_iobinding(self.binding)
        return self.logits

    def _bind(self, rows: int, queries: int, slots: int, text: int) -> None:
        """Tells the graph where everything lies."""
        stage = self.stage
        self.ids = np.zeros((rows, queries), np.int64)
        self.distance = np.zeros((rows, queries, slots + queries), np.int64)
        self.slot_mask = np.zeros((rows, queries, slots + queries), bool)
        self.text_mask = np.zeros((rows, text), bool)
        self.logits = np.empty((rows, queries, stage.vocabulary), np.float32)
        self.new = self._room(rows, queries)
        arrays = {name: getattr(self, name) for name in ("ids", "distance", "slot_mask", "text_mask")}
        outputs = {"logits": self.logits}
        for place in range(2 * stage.layers):
            name = f"{'kv'[place % 2]}_{place // 2}"
            # The seats that are taken are the first, so that they lie together.
            arrays |= {f"past_{name}": self.past[place, :rows], f"cross_{name}": self.cross[place, :rows]}
            outputs[f"present_{name}"] = self.new[place]
        for name, array in arrays.items():
            self.binding.bind_input(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        for name, array in outputs.items():
            self.binding.bind_output(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
        self._bound = (rows, queries, slots, text)

    def keep(self, counts: Sequence[int]) -> None:
        """Keeps the last step's first tokens, of each row so many; the others were never written."""
        lengths = self.lengths[: self.count]
        longest = int((lengths + counts).max())
        if longest > self.past.shape[3]:
            self.past = self._moved(self.past, slots_for(longest))
        if self.new.shape[3] == 1:
            # Of two lists of indices with a slice between them, NumPy puts the common axis first.
            self.past[:, np.arange(self.count), :, lengths] = self.new[:, :, :, 0].swapaxes(0, 1)
        else:
            for row, (start, count) in enumerate(zip(lengths, counts, strict=True)):
                self.past[:, row, :, start : start + count] = self.new[:, row, :, :count]
        lengths += counts


def slots_for(tokens: int) -> int:
    """Slots of a cache for so many tokens."""
    return GROWTH * -(-tokens // GROWTH)
