"""Reading an answer: which option a generated text names."""

import re
import unicodedata
from collections.abc import Sequence

from .prompt_mmcot import flatten, letter


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
    folded, options = plain(text), [plain(choice) for choice in choices]
    spans = {
        match.span(): option
        for option in filter(None, set(options))
        for match in re.finditer(WORDS_BEGIN + re.escape(option) + WORDS_END, folded)
    }

    def free(span: tuple[int, int]) -> bool:
        return not any(start <= span[0] and span[1] <= end and span != (start, end) for start, end in spans)

    letters = {match[1].upper() for match in BRACKETED_LETTER.finditer(folded) if free(match.span())}
    matches = [index for index in range(len(choices)) if letter(index) in letters]
    if not matches:
        named = {option for span, option in spans.items() if free(span)}
        matches = [index for index, option in enumerate(options) if option in named]
        if len(named) == 1 and len(matches) > 1:
            matches = [index for index in matches if normalise(choices[index]) in normalise(text)]
    return matches[0] if len(matches) == 1 else None


def plain(text: str) -> str:
    """Text for comparison, in lower case."""
    return normalise(text).casefold()


def normalise(text: str) -> str:
    """Text with single spaces, without a full stop at the end, and in the form T5's tokenizer reads it (NFKC)."""
    return flatten(unicodedata.normalize("NFKC", text)).rstrip(".").strip()
