"""Prompts and targets as tokens, and tokens as texts."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from ..modeling_mmcot.prompt_mmcot import Truncation, check_lengths, cut_target, kept_positions
from ..modeling_mmcot.wording_mmcot import Wording


class TextCoder(Wording):
    """The words of a model and its tokenizer, as `MMCoTProcessor` has them.

    Args:
        tokenizer: its file.
        newline: see [`Wording`].
        lecture: see [`Wording`].
        max_length: tokens of a prompt.
        max_target_length: tokens of a target.

    Raises:
        ValueError: for a file that is no tokenizer.
    """

    def __init__(self, tokenizer: Path, newline: str, lecture: bool, max_length: int, max_target_length: int):
        try:
            self.tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the library raises nothing more special
            raise ValueError(f"{tokenizer} cannot be read ({error}); export the model again.") from error
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.newline = newline
        self.lecture = lecture
        self.max_length = max_length
        self.max_target_length = max_target_length
        self.truncation = Truncation()

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, at most `max_length` of each where the truncation rule allows it.

        Raises:
            ValueError: for a prompt that stays so long that attention to it might not fit into memory.
        """
        encoded = self.tokenizer.encode_batch(list(prompts))
        rows = []
        for prompt, row in zip(prompts, encoded, strict=True):
            ids = row.ids
            rows.append([ids[position] for position in kept_positions(prompt, row.offsets, self.max_length)])
        lengths = [len(row) for row in rows]
        self.truncation.count([len(row.ids) for row in encoded], lengths, self.max_length)
        check_lengths(prompts, lengths, self.max_length)
        return rows

    def encode_targets(self, targets: Sequence[str]) -> list[list[int]]:
        """Token ids of targets; one that is too long keeps its end-of-sequence token."""
        return [cut_target(row.ids, self.max_target_length) for row in self.tokenizer.encode_batch(list(targets))]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens, without special ones."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)
