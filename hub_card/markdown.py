"""Texts that come from data, recipes and names as Markdown in which they can be nothing but text."""

import json
import re


# Nothing is read into these, but for addresses and words between underscores.
PLAIN = re.compile(r"[\w .,;'%+/()-]+")
NOT_PLAIN = re.compile(r"www\.|\b_|_\b", re.IGNORECASE)


def inline(text: str) -> str:
    """A text within a line: as it is where that is safe, else as code, in which no Markdown and no HTML is read."""
    is_plain = PLAIN.fullmatch(text) and not NOT_PLAIN.search(text)
    return text if is_plain or not text else code_span(text)


def code_span(text: str) -> str:
    """A text within a line, as code."""
    text = printable(text)
    fence = "`" * (longest_run_of_backticks(text) + 1)
    space = " " if "`" in text else ""
    return f"{fence}{space}{text}{space}{fence}"


def code_block(text: str, language: str) -> str:
    """Lines of code, which nothing in them ends."""
    fence = "`" * max(3, longest_run_of_backticks(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def python_text(text: str) -> str:
    """A text as Python code writes it."""
    return json.dumps(printable(text), ensure_ascii=False)


def printable(text: str) -> str:
    """A text in one line, without halves of characters, which no file can hold; never empty."""
    return " ".join(text.encode(errors="replace").decode().split()) or "?"


def longest_run_of_backticks(text: str) -> int:
    """How many stand side by side at most."""
    return max(map(len, re.findall("`+", text)), default=0)
