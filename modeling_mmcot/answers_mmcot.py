"""Reading an answer: which option a generated text names."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from .prompt_mmcot import flatten, letter


Span = tuple[int, int]  # first character and the one after the last

# "The answer is (b)" and "The answer is B.", not "The answer is A dog" and not "The answer is (A) or (B)".
STATED_ANSWER = re.compile(
    r"\banswer is:?\s*(?:\(([A-Z]{1,2})\)|(?-i:([A-Z]{1,2}))(?=[.,;:]|$))"
    r"(?!\s*(?:,|/|&|or|and)\s*(?-i:\(?[A-Z]{1,2}\b))",
    re.IGNORECASE,
)
LONE_LETTER = re.compile(r"(?:(?:answer|option|choice):? )?\(?([A-Z]{1,2})[).:]*", re.IGNORECASE)
BRACKETED_LETTER = re.compile(r"\(([A-Z]{1,2})\)", re.IGNORECASE)
# Around an option's words: "red" does not stand in "reddish" or "infra-red", nor "5" in "1.5", "5/6" or "-5".
WORDS_BEGIN, WORDS_END = r"(?<![\w-])(?<!\d[.,:/])", r"(?!\w|-\w|[.,:/]\d)"


def parse_answer(text: str, choices: Sequence[str]) -> int | None:
    """Index of the option a text names; see [`~MMCoTProcessor.parse_answer`]."""
    index_of = {letter(i): i for i in range(len(choices))}
    text = flatten(text)
    stated = {(bracketed or bare).upper() for bracketed, bare in STATED_ANSWER.findall(text)}
    if len(stated) > 1:
        return None
    lone = LONE_LETTER.fullmatch(text)
    name = stated.pop() if stated else lone[1].upper() if lone else None
    if name in index_of:
        return index_of[name]
    # No such letter: it may be a word, as in "The answer is (no)." What else the text says is not an answer.
    return find_option(name if name and not lone else text, choices)


def find_option(text: str, choices: Sequence[str]) -> int | None:
    """Index of the only option a text names: by its letter in brackets, else by its words.

    What stands inside the words of a longer option does not count. Case only matters between options that differ in
    nothing else.
    """
    folded = plain(text)
    options = [plain(choice) for choice in choices]
    spans = {
        match.span(): option
        for option in set(options)
        if option and option in folded
        for match in re.finditer(WORDS_BEGIN + re.escape(option) + WORDS_END, folded)
    }
    widest = outermost(spans)
    starts = [start for start, _ in widest]

    def free(span: Span) -> bool:
        # Of the options that begin before it, the last one reaches furthest.
        before = bisect_right(starts, span[0]) - 1
        return before < 0 or widest[before] == span or widest[before][1] < span[1]

    letters = {match[1].upper() for match in BRACKETED_LETTER.finditer(folded) if free(match.span())}
    matches = [index for index in range(len(choices)) if letter(index) in letters]
    if not matches:
        named = {option for span, option in spans.items() if free(span)}
        matches = [index for index, option in enumerate(options) if option in named]
        if len(named) == 1 and len(matches) > 1:
            exact = normalise(text)
            matches = [index for index in matches if normalise(choices[index]) in exact]
    return matches[0] if len(matches) == 1 else None


def outermost(spans: Iterable[Span]) -> list[Span]:
    """The spans that stand within no other, in their order."""
    found: list[Span] = []
    for start, end in sorted(spans, key=lambda span: (span[0], -span[1])):
        if not found or end > found[-1][1]:
            found.append((start, end))
    return found


def plain(text: str) -> str:
    """Text for comparison, in lower case."""
    return normalise(text).casefold()


def normalise(text: str) -> str:
    """Text with single spaces, without a full stop at the end, and in the form T5's tokenizer reads it (NFKC)."""
    return flatten(unicodedata.normalize("NFKC", text)).rstrip(".").strip()
