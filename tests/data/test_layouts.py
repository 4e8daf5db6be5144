"""A layout of one's own: a file that finds it, and its place in the list."""

from functools import partial

import pytest

from mmcot.data import load_splits, loading
from mmcot.data.rows import RawRow
from mmcot.data.source import Layout, Source, file_stamp
from mmcot.data.sources import LAYOUTS


def find_quiz(spec, path, images):
    """A text file in which a line is `question? option, option`, the first option being right."""
    if path.suffix != ".quiz":
        return None
    return Source(str(path), [file_stamp(path)], partial(read_quiz, path), adapt_quiz)


def read_quiz(path):
    for position, line in enumerate(path.read_text().splitlines()):
        question, options = line.split("?")
        values = {"question": f"{question}?", "choices": options.split(","), "answer": 0}
        yield RawRow(str(path), position + 1, position, values, None, path.parent)


def adapt_quiz(row):
    row.split = "train"


@pytest.fixture
def quiz(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "LAYOUTS", (*LAYOUTS, Layout("a .quiz file", find_quiz)))
    (tmp_path / "mine.quiz").write_text("Which is red? blood,grass\nWhich is green? grass,blood\n")
    return tmp_path / "mine.quiz"


def test_layout_of_ones_own(quiz):
    assert load_splits(str(quiz))["train"]["choices"][:] == [[" blood", "grass"], [" grass", "blood"]]


def test_message_lists_every_layout(quiz, tmp_path):
    with pytest.raises(ValueError, match=r"no data set.*'sketchqa'.*problems\.json.*a Hub id, or a \.quiz file"):
        load_splits(str(tmp_path / "nothing"))
