"""Where two texts differ, word by word."""

from difflib import SequenceMatcher


# Pieces of a text, each with the word whether the other text lacks it.
Pieces = list[tuple[str, bool]]


def mark_differences(first: str, second: str) -> tuple[Pieces, Pieces]:
    """Both texts in pieces that they share and pieces that they do not; upper and lower case are the same here."""
    words, others = first.split(), second.split()
    folded, folded_others = ([word.casefold() for word in text] for text in (words, others))
    matcher = SequenceMatcher(None, folded, folded_others, autojunk=False)
    pieces: tuple[Pieces, Pieces] = ([], [])
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        for found, text in zip(pieces, (words[start:end], others[other_start:other_end]), strict=True):
            if text:
                found.append((" ".join(text), kind != "equal"))
    return pieces
