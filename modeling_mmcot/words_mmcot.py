"""The words of a text, each with the tokens that it is made of."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch


if TYPE_CHECKING:
    from .processing_mmcot import MMCoTProcessor


@dataclass
class WordTokens:
    """A text as a target of the model, and which of its tokens make up which word.

    Args:
        texts: the words.
        labels: tokens of the whole text, `(1, tokens)`.
        owners: for each token that belongs to a word the word's position in `texts`.
        positions: of those tokens in `labels`.
    """

    texts: list[str]
    labels: torch.Tensor
    owners: torch.Tensor
    positions: torch.Tensor

    def sum_by_word(self, values: torch.Tensor) -> torch.Tensor:
        """The sums `(rows, words)` of what the tokens have, `(rows, tokens)`."""
        sums = values.new_zeros(len(values), len(self.texts))
        return sums.index_add(1, self.owners, values[:, self.positions])


def split_words(processor: "MMCoTProcessor", text: str, skip: int = 0) -> WordTokens:
    """The words of a text, between white space.

    Args:
        skip: so many characters at its beginning are left out.
    """
    labels = processor.encode_targets([text])
    offsets = processor.tokenizer(text, return_offsets_mapping=True, verbose=False)["offset_mapping"]
    words = list(re.finditer(r"\S+", text))
    ends = [word.end() for word in words]
    owned: dict[int, list[int]] = {}
    # A target that is too long is cut before its end-of-sequence token.
    for position, (start, end) in enumerate(offsets[: labels.shape[1] - 1]):
        if end > max(start, skip):
            # Some tokenizers have a token for the space before a word: it is the word's.
            owned.setdefault(bisect_left(ends, end), []).append(position)
    pairs = [(owner, position) for owner, tokens in enumerate(owned.values()) for position in tokens]
    owners, positions = torch.tensor(pairs, dtype=torch.long).reshape(-1, 2).T
    return WordTokens([words[word].group() for word in owned], labels, owners, positions)
