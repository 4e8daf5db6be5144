"""Answers in words, to questions without options: how they are written, read and compared."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from numbers import Integral
from typing import Any

from .prompt_mmcot import flatten, letter


# The field of an example with the texts that count as right.
ACCEPTED_ANSWERS = "accepted_answers"
STATEMENTS = re.compile(r"(?:\bthe )?\banswer is\b:?", re.IGNORECASE)
OPTION_LETTER = re.compile(r"\(([A-Z]{1,2})\)")

NUMBER = re.compile(r"(\$?)(-?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))(?:/([0-9]{1,30}))?(%?)")
SMALL = """
zero one two three four five six seven eight nine ten
eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
LARGER = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS = {word: value for value, word in enumerate(SMALL.split())} | {"none": 0}
TENS = {word: 10 * value for value, word in enumerate(LARGER.split(), 2)}
ARTICLES = {"a", "an", "the"}
# Contractions by the two sides of their apostrophe. Those that are words without it, such as "well", are left out.
CONTRACTED = {
    "t": "ain aren can couldn didn doesn don hadn hasn haven isn mightn mustn needn shouldn wasn weren won wouldn",
    "ve": "could i might must should they we would you",
    "ll": "it that they who you",
    "re": "they who you",
    "d": "it that they who you",
    "s": "he here how let she that there what where who",
    "m": "i",
}
CONTRACTIONS = {begin + end: f"{begin}'{end}" for end, begins in CONTRACTED.items() for begin in begins.split()}
# Signs that other alphabets, or typesetters, have for those of a keyboard.
ALIKE = str.maketrans({"\u2019": "'", "\u2018": "'", "`": "'", "\u00b4": "'", "\u2044": "/", "\u2212": "-"})
# None of these parts words; of the last three, the digits beside them decide.
KEPT_SIGNS = "':%&#*.-/"
LOOSE_STOPS = re.compile(r"\.(?![0-9])")
LOOSE_SIGNS = re.compile(r"(?<=\S)-|-(?![0-9.])|(?<![0-9])/|/(?![0-9])")
THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")


def accepted_answers(example: Mapping[str, Any]) -> list[str]:
    """The texts that count as right for an example without options."""
    accepted = example.get(ACCEPTED_ANSWERS) or example["answer"]
    return [accepted] if isinstance(accepted, str) else list(accepted)


def answer_words(example: Mapping[str, Any]) -> str:
    """What is said to be the answer of an example: the letter of the right option in brackets, or a text."""
    answer = example.get("answer")
    if isinstance(answer, Integral):
        return f"({letter(int(answer))})"
    text = most_accepted(accepted_answers(example)).rstrip(". ")
    # In brackets it would name an option.
    return OPTION_LETTER.sub(r"\1", text) if OPTION_LETTER.fullmatch(text) else text


def most_accepted(texts: Sequence[str]) -> str:
    """Of several people's answers the one that most of them gave; of equally many, the first."""
    forms = [comparable(text) for text in texts]
    ((form, _),) = Counter(forms).most_common(1)
    return flatten(texts[forms.index(form)])


def read_free_answer(text: str) -> str | None:
    """The answer in a text, in words: what follows "the answer is", or all of it; without its final stop.

    `None` where that is nothing, or several things, and where it names an option: a model that has only learned to
    choose does so.
    """
    parts = [part.strip().rstrip(". ") for part in STATEMENTS.split(flatten(text))]
    answers = parts[1:] or parts
    if not answers[0] or len(set(map(comparable, answers))) > 1:
        return None
    return None if OPTION_LETTER.fullmatch(answers[0]) else answers[0]


def is_accepted(answer: str, accepted: Sequence[str]) -> bool:
    """Whether an answer is one of the accepted ones, see [`comparable`]."""
    return comparable(answer) in map(comparable, accepted)


def comparable(text: str) -> str:
    """An answer in the form in which it is compared.

    By the rules of the VQA evaluation (Antol et al., 2015): lower case; no full stop but in a decimal; digits for
    number words; no articles; contractions with their apostrophes; a space for every other punctuation mark but
    apostrophe and colon. Further, numbers are equal where their values are: 4.50 is 4.5, 1,000 is 1000, 2/4 is 1/2. A
    text that is nothing but articles or marks stays as it is.
    """
    folded = flatten(unicodedata.normalize("NFKC", text).casefold().translate(ALIKE))
    joined = LOOSE_STOPS.sub("", THOUSANDS.sub("", folded))
    spaced = "".join(" " if is_mark(sign) else sign for sign in joined)
    words = LOOSE_SIGNS.sub(" ", spaced).replace(" %", "%").split()
    return " ".join(comparable_words(words)) or folded


def spellings(text: str) -> list[str]:
    """An answer as it may stand in a text: as it is, and a small number in digits and as a word."""
    form = comparable(text)
    return [text, form, *(word for word, value in NUMBER_WORDS.items() if str(value) == form)]


def is_mark(sign: str) -> bool:
    """Whether a character is punctuation that parts words wherever it stands."""
    return sign not in KEPT_SIGNS and (unicodedata.category(sign)[0] == "P" or sign in "=+<>|~^")


def comparable_words(words: Sequence[str]) -> Iterator[str]:
    """The words of an answer in the form in which they are compared."""
    tens = 0
    for word in [*(word.strip("'") for word in words), ""]:
        if tens and 0 < NUMBER_WORDS.get(word, 0) < 10:
            yield str(tens + NUMBER_WORDS[word])
            tens = 0
            continue
        if tens:
            yield str(tens)
        tens = TENS.get(word, 0)
        if word and not tens and word not in ARTICLES:
            yield str(NUMBER_WORDS[word]) if word in NUMBER_WORDS else CONTRACTIONS.get(word) or same_value(word)


def same_value(word: str) -> str:
    """A number in the one form that all numbers of its value have; any other word as it is."""
    parts = NUMBER.fullmatch(word)
    if parts is None or parts[3] and not int(parts[3]):
        return word
    return f"{parts[1]}{Fraction(parts[2]) / int(parts[3] or 1)}{parts[4]}"
