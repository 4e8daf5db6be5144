"""Predictions of any system: files of them, and how they find their examples."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmcot.evaluation.files import evaluate_file
from mmcot.evaluation.predictions import match_predictions, read_predictions
from mmcot.evaluation.scores import evaluate

from .labelled import make_examples, right_answers


values = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


def test_other_systems_give_text_or_index_and_any_ids():
    dataset = make_examples(4, id=[1, 2, 3, 4])
    rows = [
        {"id": "1", "answer_text": "The answer is (A)."},
        {"id": 2, "answer_text": "two"},
        {"id": 3, "choice_index": 2, "answer_text": "(A)"},
        {"id": 4, "answer_text": "one or two"},
    ]
    answered = match_predictions(rows, dataset)
    assert answered.right.tolist() == [True, True, True, False]
    assert (answered.unparsed, answered.missing) == (["4"], [])


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ({"choice_index": 3}, "'p1' has choice_index 3; use 0 to 2, or null for none"),
        ({"choice_index": -1}, "'p1' has choice_index -1"),
        ({"choice_index": "1"}, "'p1' has choice_index '1'"),
        ({"choice_index": True}, "'p1' has choice_index True"),
        ({}, "'p1' has no answer; give it choice_index .* or answer_text"),
        ({"answer_text": None}, "'p1' has no answer"),
        ({"choice_index": 1, "rationale": ["because"]}, "'p1' has a rationale that is no text"),
    ],
)
def test_predictions_that_are_none_name_their_id(prediction, message):
    with pytest.raises(ValueError, match=message):
        evaluate([{"id": "p1", **prediction}], make_examples())


@pytest.mark.parametrize("answers", [None, [0, None, 1]])
def test_split_without_labels_is_refused(answers):
    with pytest.raises(ValueError, match="Problem 'p[01]' has no right answer: this split carries no labels"):
        evaluate([], make_examples(3, answer=answers))


def test_predictions_of_another_data_set_are_refused():
    rows = right_answers(make_examples(3))
    with pytest.raises(ValueError, match="for no problem of this data set: the first id is 'p0', that of .* '1'"):
        evaluate(rows, make_examples(3, id=["1", "2", "3"]))
    assert evaluate([], make_examples(3))["missing"] == 3


def test_ids_that_are_no_ids_of_their_own_are_refused(tmp_path):
    # Two rationales of the problem 7 are 7 and 7#2, which another problem may be called, too.
    with pytest.raises(ValueError, match="holds 2 problems with the id '7#2'"):
        evaluate([{"id": "7", "choice_index": 0}], make_examples(3, id=["7", "7#2", "7#2"]))
    path = tmp_path / "predictions.jsonl"
    for identifier in ("7.0", "true", "[7]", "NaN"):
        path.write_text('{"id": "7", "choice_index": 0}\n{"choice_index": 0, "id": ' + identifier + "}")
        with pytest.raises(ValueError, match=r"predictions.jsonl, line 2 has the id .*; use a text or a whole number"):
            evaluate(read_predictions(path), make_examples(3, id=["7", "8", "9"]))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("rationale", "\\ud800", "has a rationale that holds half a character"),
        ("answer_text", "\\udfff", "has an answer_text that holds half a character"),
        ("answer_text", "x" * 100_001, "has an answer_text of 100,001 characters. At most 100,000 are read"),
    ],
)
def test_texts_that_cannot_be_scored_name_file_and_line(field, value, message, tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_text(f'\n{{"id": "p1", "choice_index": 0, "{field}": "{value}"}}\n')
    with pytest.raises(ValueError, match=f"predictions.jsonl, line 2 {message}"):
        evaluate_file(path, make_examples(), tmp_path / "report")
    assert not (tmp_path / "report").exists()


def test_split_without_problems_is_refused():
    with pytest.raises(ValueError, match="holds no problem to score"):
        evaluate([], make_examples(3).select([]))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows=st.lists(st.dictionaries(st.text(max_size=5), values, max_size=3), min_size=1, max_size=4))
def test_predictions_read_back(rows, tmp_path_factory):
    rows = [{**row, "id": str(position)} for position, row in enumerate(rows)]
    path = tmp_path_factory.mktemp("rows") / "predictions.jsonl"
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    assert read_predictions(path) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": 1}\n\n{"id": }', r"predictions.jsonl, line 3 is not valid JSON"),
        (b'{"id": 1}\n[1]', "line 2 must be an object with an id"),
        (b'{"choice_index": 1}', "line 1 must be an object with an id"),
        (b'{"id": null}', "line 1 must be an object with an id"),
        (b'{"id": 1}\n\xff\xfe', "predictions.jsonl, line 2 is not UTF-8 text"),
        (b'{"id": 1}\n{"id": "7', "line 2 is not valid JSON: Unterminated string starting at at character 8"),
        (b'{"id": 1, "scores": ' + b"[" * 100_000, "line 1 holds a number too long or a list too deep"),
        (b'{"id": 1, "scores": ' + b"9" * 5000 + b"}", "line 1 holds a number too long or a list too deep"),
        (b'{"id": 1}\n"' + b"x" * 10_000_000, "line 2 has more than 10,000,000 bytes"),
        (b"\n \n", "predictions.jsonl is empty"),
    ],
)
def test_unreadable_predictions_name_their_line(content, message, tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_predictions(path)
    with pytest.raises(ValueError, match="no file .*other.jsonl"):
        read_predictions(tmp_path / "other.jsonl")
