"""Answers in words: what is written, what is read, and which of them are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcot.modeling_mmcot.free_answers_mmcot import answer_words, comparable, is_accepted, read_free_answer


SAME = [
    ("The Cat.", "cat"),
    ("a  dog", "dog"),
    ("two dogs", "2 dogs!"),
    ("none", "0"),
    ("forty-two", "42"),
    ("forty two", "42"),
    ("twenty", "20.0"),
    ("4.50", "4.5"),
    ("1,234,000", "1234000"),
    ("2/4", "0.5"),
    ("½", "1/2"),
    ("\u22125", "-5.0"),
    ("$5.00", "$5"),
    ("50 %", "50.0%"),
    ("dont", "don’t"),
    ("Im here", "i'm here"),
    ("t-shirt", "t shirt"),
    ("U.S.A.", "usa"),
    ("“Red”, (really)", "red really"),
    ("ＲＥＤ", "red"),
    ("猫。", "猫"),
    ("'red'", "red"),
]
DIFFERENT = [
    ("-5", "5"),
    ("3,4", "34"),
    ("5:30", "530"),
    ("1/0", "0"),
    ("1/2", "12"),
    ("ill", "i'll"),
    ("its", "it's"),
    ("50%", "50"),
    ("12/25/2020", "12 25 2020"),
    ("1.5", "15"),
    ("", "the"),
    ("the", "an"),
    ("?", "!"),
    ("twenty one", "20 one two"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same_answers(one, other):
    assert comparable(one) == comparable(other)
    assert is_accepted(one, ["else", other])


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_answers(one, other):
    assert not is_accepted(one, [other])


@given(st.text(max_size=60))
def test_every_text_has_a_form(text):
    form = comparable(text)
    assert form == " ".join(form.split())
    assert comparable(f" The {text} ") in (form, comparable(f"the {text}"))


READ = {
    "The answer is 42.": "42",
    "the  answer is: New York.": "New York",
    "42": "42",
    "So the answer is -1.5.": "-1.5",
    "It is red. The answer is red.": "red",
    "The answer is 4. The answer is four.": "4",
    "The answer is (no).": "(no)",
    "The answer is 4. The answer is 5.": None,
    "The answer is (B).": None,
    "(AA)": None,
    "The answer is .": None,
    " ": None,
}


@pytest.mark.parametrize(("text", "answer"), READ.items())
def test_reading(text, answer):
    assert read_free_answer(text) == answer


WRITTEN = [
    ({"answer": 1}, "(B)"),
    ({"answer": "42"}, "42"),
    ({"answer": ["U.S.", "USA"]}, "U.S"),
    ({"answer": None, "accepted_answers": ["dog", "Cat", "the cat", "cats"]}, "Cat"),
    ({"answer": None, "accepted_answers": ["dog", "cat"]}, "dog"),
    ({"answer": None, "accepted_answers": ["(C)"]}, "C"),
]


@pytest.mark.parametrize(("example", "words"), WRITTEN)
def test_writing(example, words):
    assert answer_words({"accepted_answers": [], **example}) == words


def test_what_is_written_is_read_again():
    for _, words in WRITTEN[1:]:
        assert read_free_answer(f"The answer is {words}.") == words
