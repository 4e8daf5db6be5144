"""Options and the right one, or accepted answers where there are no options, in the ways people write them."""

import re
from typing import Any

from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from ..modeling_mmcot.prompt_mmcot import flatten, letter
from .json_text import parse_json
from .rows import RawRow, is_missing, is_scalar, shorten


WRITTEN_LETTER = re.compile(r"\(?([A-Z]{1,2})[).:]?", re.IGNORECASE)
# How a table writes "no answer", the last two where a program took the column for numbers.
NO_ANSWER = ("", "-1", "-1.0", "nan")


def has_options(row: RawRow) -> bool:
    """Whether a row has options, right or wrong; its cell `choices` is empty where it has none."""
    value = row.values.get("choices")
    return not is_missing(value) and value != [] and not (isinstance(value, str) and read_json_list(value) == [])


def read_choices(row: RawRow) -> list[str]:
    """The options: a list, or the text of a JSON list; an empty list for a question without options.

    Raises:
        RowError: for anything else, and for a single option.
    """
    if not has_options(row):
        return []
    value = row.values["choices"]
    choices = read_json_list(value) if isinstance(value, str) else value
    if not isinstance(choices, list):
        raise row.error("choices", f'are {shorten(value)}; write a list, in a table as ["red", "blue"].')
    if not all(isinstance(choice, (str, int, float)) for choice in choices):
        raise row.error("choices", "hold something else than texts; write texts only.")
    if len(choices) < 2:
        raise row.error("choices", "hold one option; write two or more, or leave them empty for a question without.")
    return [str(choice) for choice in choices]


def read_json_list(text: str) -> list[Any] | None:
    """The list a text spells in JSON, or `None` where it spells none."""
    try:
        value = parse_json(text)
    except ValueError:
        return None
    return value if isinstance(value, list) else None


def read_answer(row: RawRow, choices: list[str]) -> int | None:
    """Index of the right option, from an index, a letter, or the option's text; `None` where none is given.

    Raises:
        RowError: where it names no option or could mean two, and where other options have the same text.
    """
    value = row.values.get("answer")
    if is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if is_scalar(value) and flatten(str(value)) in NO_ANSWER:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise row.error("answer", f"is {shorten(value)}; write an index from 0, a letter, or the option's text.")
    text = flatten(str(value))
    texts = [flatten(choice) for choice in choices]
    readings = {value} & set(range(len(texts))) if isinstance(value, int) else read_text_answer(text, texts)
    if not readings:
        last = len(texts) - 1
        raise row.error("answer", f"is {value!r:.80}, but the options are 0 to {last}, (A) to ({letter(last)}).")
    if len({texts[index] for index in readings}) > 1:
        options = " or ".join(f"({letter(index)})" for index in sorted(readings))
        remedy = "letter" if text.isdigit() else "index, counted from 0"
        raise row.error("answer", f"is {value!r:.80}, which can mean {options}; write the {remedy}.")
    right = min(readings)
    if texts.count(texts[right]) > 1:
        raise row.error("choices", f"hold the right one, {texts[right]!r:.80}, more than once; keep one of them.")
    return right


def read_text_answer(text: str, choices: list[str]) -> set[int]:
    """Every option that a text can mean: by the option's words, by letter, by digits."""
    written = WRITTEN_LETTER.fullmatch(text)
    name = written[1].upper() if written else None
    digits = text.removesuffix(".0")
    return {i for i, choice in enumerate(choices) if choice == text or letter(i) == name or str(i) == digits}


def read_accepted_answers(row: RawRow) -> list[str]:
    """The texts that count as right for a question without options; empty where none is given.

    They are the row's `answer`: one text or number, a list of them, or the text of a JSON list; or its
    `accepted_answers`, where a data set of ours was saved.

    Raises:
        RowError: for anything else.
    """
    name = ACCEPTED_ANSWERS if row.values.get(ACCEPTED_ANSWERS) else "answer"
    value = row.values.get(name)
    if is_missing(value):
        return []
    listed = read_json_list(value) if isinstance(value, str) else value
    answers = listed if isinstance(listed, list) else [value]
    texts = []
    for answer in answers:
        if isinstance(answer, bool) or not isinstance(answer, (str, int, float)) or is_missing(answer):
            raise row.error(name, f"is {shorten(value)}; without options write a text, or a list of texts.")
        texts.append(flatten(number_text(answer)))
    if not all(texts):
        raise row.error(name, "holds an empty text; write the answer, or leave the cell empty where none is known.")
    return texts


def number_text(answer: str | int | float) -> str:
    """An answer as text; a whole number that a table made a fraction is whole again."""
    return str(int(answer) if isinstance(answer, float) and answer.is_integer() else answer)
