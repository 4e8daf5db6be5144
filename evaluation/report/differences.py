"""Where two texts differ, word by word."""

from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher


# Pieces of a text, each with the word whether the other text lacks it.
Pieces = list[tuple[str, bool]]
# The most steps that comparing two texts may take, about a second's worth. Two texts of 500 words take a fifth of it.
MOST_STEPS = 5_000_000


def mark_differences(first: str, second: str) -> tuple[Pieces, Pieces]:
    """Both texts in pieces that they share and pieces that they do not; upper and lower case are the same here.

    Of texts that are so long, or repeat their words so often, that a comparison would take minutes, only what they
    have in common at the beginning and at the end counts as shared.
    """
    words, others = first.split(), second.split()
    folded = [word.casefold() for word in words]
    folded_others = [word.casefold() for word in others]
    pieces: tuple[Pieces, Pieces] = ([], [])
    for kind, start, end, other_start, other_end in compare_words(folded, folded_others):
        differs = kind != "equal"
        if start < end:
            pieces[0].append((" ".join(words[start:end]), differs))
        if other_start < other_end:
            pieces[1].append((" ".join(others[other_start:other_end]), differs))
    return pieces


def compare_words(first: list[str], second: list[str]) -> Sequence[tuple[str, int, int, int, int]]:
    """The operations that make one text of the other, as [`SequenceMatcher.get_opcodes`] gives them."""
    if most_steps(first, second) <= MOST_STEPS:
        return SequenceMatcher(None, first, second, autojunk=False).get_opcodes()
    shorter = min(len(first), len(second))
    begin = 0
    while begin < shorter and first[begin] == second[begin]:
        begin += 1
    end = 0
    while end < shorter - begin and first[-1 - end] == second[-1 - end]:
        end += 1
    first_end, second_end = len(first) - end, len(second) - end
    return [
        ("equal", 0, begin, 0, begin),
        ("replace", begin, first_end, begin, second_end),
        ("equal", first_end, len(first), second_end, len(second)),
    ]


def most_steps(first: list[str], second: list[str]) -> int:
    """How many steps the matcher takes at worst: at each match it finds it may look at all words and their likes."""
    counts, others = Counter(first), Counter(second)
    alike = sum(count * others[word] for word, count in counts.items())
    return (len(first) + alike) * min(len(first), len(second), alike)
