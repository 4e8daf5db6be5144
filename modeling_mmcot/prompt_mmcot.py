"""A prompt: its words, and which of its tokens it loses where it is too long."""

import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


# JSON can spell what is no text: one half of a character such as an emoji.
HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")
NO_CONTEXT = "N/A"
STATEMENT = "The answer is"
# The end of a rationale holds its conclusion: this many tokens of it survive any truncation.
RATIONALE_TAIL = 64
# What stays longer is refused, unless the model's limit is higher: attention's memory grows with the square.
MAX_TOKENS = 4096
# Tokens that a CPU reads together. More leave its caches, and a shorter prompt beside a longer one is padded. In the
# shapes of FLAN-T5-base 64 prompts of ScienceQA, of up to 512 tokens, took onnxruntime 8 s so, 10 one by one, and 12
# and 29 sorted in batches of 8 and 32; torch 10 s, and 30 in batches of 32. A small model gains a little or nothing.
READ_AT_ONCE = 512

COUNTING = threading.Lock()


class Prompt(str):
    """A prompt that knows where its context and its rationale stand, as character ranges.

    Too long a prompt loses part of these, never its question, options or cue.
    """

    context: tuple[int, int] = (0, 0)
    rationale: tuple[int, int] = (0, 0)


@dataclass
class Truncation:
    """What a processor had to cut so far: prompts seen, prompts cut, tokens cut, prompts that stayed too long."""

    prompts: int = 0
    cut: int = 0
    tokens: int = 0
    too_long: int = 0

    def count(self, before: Sequence[int], after: Sequence[int], limit: int) -> None:
        """Adds a batch: the lengths of its prompts before and after they were cut to a limit, from any thread."""
        with COUNTING:
            self.prompts += len(before)
            self.cut += sum(length > limit for length in before)
            self.tokens += sum(before) - sum(after)
            self.too_long += sum(length > limit for length in after)


def letter(index: int) -> str:
    """Letter of an option: A to Z, then AA, AB and so on, as the columns of a spreadsheet."""
    name = ""
    while index >= 0:
        name = chr(ord("A") + index % 26) + name
        index = index // 26 - 1
    return name


def flatten(text: str) -> str:
    """Text with every run of white space as one space."""
    return " ".join(text.split())


def join_parts(parts: Sequence[tuple[str, str]]) -> Prompt:
    """Joins named parts with single spaces and remembers where context and rationale came to stand."""
    pieces, spans, length = [], {}, 0
    for name, text in parts:
        text = flatten(text)
        if text:
            spans[name] = (length, length + len(text))
            pieces.append(text)
            length += len(text) + 1
    prompt = Prompt(" ".join(pieces))
    prompt.context = spans.get("context", (0, 0))
    prompt.rationale = spans.get("rationale", (0, 0))
    return prompt


def droppable(prompt: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """Token positions a prompt may lose, in the order it loses them.

    A [`Prompt`]: its context from the end, then its rationale from the beginning, but for the tail. Any other string:
    its middle, outwards.
    """

    def within(span: tuple[int, int]) -> list[int]:
        # Some tokenizers count the space before a word as its first character.
        return [i for i, (start, end) in enumerate(offsets) if span[0] - 1 <= start < end <= span[1]]

    if isinstance(prompt, Prompt):
        return within(prompt.context)[::-1] + within(prompt.rationale)[:-RATIONALE_TAIL]
    positions = within((0, len(prompt)))
    middle = len(positions) / 2
    return sorted(positions[1:-1], key=lambda position: abs(position - middle))


def kept_positions(prompt: str, offsets: Sequence[tuple[int, int]], limit: int) -> list[int]:
    """Positions of the tokens that a prompt keeps for it to have so many, or more where it may not lose enough."""
    surplus = max(0, len(offsets) - limit)
    dropped = set(droppable(prompt, offsets)[:surplus]) if surplus else ()
    return [position for position in range(len(offsets)) if position not in dropped]


def cut_target(ids: list[int], longest: int) -> list[int]:
    """The tokens of a target, at most so many; one that is too long keeps its end-of-sequence token."""
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]


def batches_to_read(lengths: Sequence[int], most: int) -> Iterator[slice]:
    """Which prompts a CPU reads together.

    Args:
        lengths: tokens of each, the longest first.
        most: prompts of a batch.
    """
    start = 0
    while start < len(lengths):
        end = start + max(1, min(most, READ_AT_ONCE // lengths[start]))
        yield slice(start, end)
        start = end


def check_lengths(prompts: Sequence[str], lengths: Sequence[int], limit: int) -> None:
    """Refuses prompts that stayed much longer than the limit that they were cut to."""
    most = max(MAX_TOKENS, limit)
    for prompt, length in zip(prompts, lengths, strict=True):
        if length > most:
            raise ValueError(
                f"The prompt {prompt[:60]!r}... has {length} tokens without its context; {most} are the most, and the "
                f"model reads {limit} well. Shorten the question or the options."
            )
