"""The tables of a card: whatever a data set calls its columns and their values, they show it and nothing else."""

import html
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mmcot.configuration.metrics import ACCURACY
from mmcot.hub_card.markdown import inline
from mmcot.hub_card.tables import markdown_table, score_table


NASTY = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](https://example.com/x.png)",
    "[x][y]",
    "<https://example.com>",
    "https://example.com www.example.com",
    "x | y",
    "x \\| y",
    "ends in a backslash \\",
    "`code` ``more`` `",
    "**bold** _italic_ ~~gone~~ $x^2$",
    "x\n\n# heading\n\n| a | b |\n| --- | --- |",
    "&lt;b&gt; &#60;b&#62; &amp;",
    "</td></tr></table><h1>",
    "snake_case_name",
]
RENDER = MarkdownIt("commonmark").enable("table").render
SCORE = {"value": 50.0, "n": 2, "low": 10.0, "high": 90.0}


def cells_of(page):
    """The inner HTML of each cell of a rendered table, which must be all that there is."""
    rest = re.sub(r"</?(?:table|thead|tbody|tr)>\s*", "", page)
    cells = re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", rest)
    assert not re.sub(r"<t[hd][^>]*>.*?</t[hd]>\s*", "", rest).strip()
    return cells


def text_of(cell):
    """What a reader sees in a cell, of which code is the only markup."""
    assert not re.search("<(?!/?code>)", cell)
    return html.unescape(re.sub("</?code>", "", cell))


@pytest.mark.parametrize("text", NASTY)
def test_names_and_values_of_the_data_are_shown_as_they_are(text):
    accuracy = {"average": SCORE, text: {text: SCORE, "other": SCORE}}
    table = score_table(ACCURACY, accuracy, {"average": 50.0, text: {text: 50.0, "other": 50.0}})
    cells = cells_of(RENDER(table))
    assert len(cells) == 4 * 5
    shown = " ".join(text.split())
    assert text_of(cells[10]) == f"{shown}: {shown}"
    assert text_of(cells[15]) == f"{shown}: other"


@settings(derandomize=True, deadline=None, max_examples=200)
@given(text=st.text(st.sampled_from("ab |\\`*_[]()<>&#;!~$:/.-\n1"), max_size=15) | st.text(max_size=10))
def test_any_text_is_shown_as_it_is(text):
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split()) or "?"
    (cell,) = cells_of(RENDER(markdown_table(["a"], [[inline(text)]])))[1:]
    assert text_of(cell) == text


def test_a_value_called_like_a_part_of_a_score_is_a_value():
    accuracy = {"average": SCORE, "IMG": SCORE, "kind": {"value": SCORE, "n": SCORE}}
    table = score_table(ACCURACY, accuracy, {"average": 50.0, "IMG": 40.0, "kind": {"value": 30.0, "n": 20.0}})
    assert "| IMG: with a picture | 50.0 % | 10.0 to 90.0 | 40.0 % | 2 |" in table
    assert "| kind: value | 50.0 % | 10.0 to 90.0 | 30.0 % | 2 |" in table
