"""What the page asks and shows, without the page."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmcot.demo import desk


ANSWER = {
    "rationale": "So it is a gas.",
    "answer": "A",
    "choice": "gas",
    "choice_index": 0,
    "scores": [0.9, 0.1],
    "confidence": 0.8,
    "reason": None,
}


class Pipe:
    """A pipeline that says the same to everybody."""

    def stream(self, question):
        yield from ("So it is ", "a gas.", ANSWER)

    def __call__(self, rows, batch_size, on_error):
        return [{"error": "bad"} if row["question"] is None else ANSWER for row in rows]


def test_fields_become_a_question():
    question = desk.question_from_fields(None, " Which? ", "gas\n\n solid \n", "")
    assert question == {"image": None, "question": "Which?", "choices": ["gas", "solid"], "context": None}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (("", "a\nb", ""), "There is no question yet"),
        (("Which?", "a", ""), "Write two options or more"),
        (("Which?", "a\n" * 27, ""), "These are 27 options"),
        (("x" * 5001, "a\nb", ""), "The question has 5,001 characters"),
        (("Which?", "a\nb", "x" * 5001), "The context has 5,001 characters"),
    ],
)
def test_fields_that_make_no_question_say_what_to_change(fields, fault):
    with pytest.raises(ValueError, match=fault):
        desk.question_from_fields(None, *fields)


def test_rationale_grows_and_the_answer_comes_last():
    views = list(desk.stream_answer(Pipe(), {}))
    assert [text for text, _ in views] == ["So it is ", "So it is a gas.", "So it is a gas."]
    assert [answer for _, answer in views] == [None, None, ANSWER]


def test_options_of_like_text_keep_their_own_bars():
    assert desk.option_shares({**ANSWER, "scores": [0.5, 0.5]}, ["x", "x"]) == {"(A) x": 0.5, "(B) x": 0.5}
    assert desk.option_shares({**ANSWER, "scores": None}, ["gas", "solid"]) == {"(A) gas": 1.0}
    assert desk.option_shares({**ANSWER, "scores": None, "choice_index": None}, ["gas", "solid"]) == {}


def test_verdict_claims_no_more_than_is_known():
    assert "Confidence **80%**" in desk.verdict(ANSWER)
    assert "**over 99%**" in desk.verdict({**ANSWER, "confidence": 0.9999})
    assert desk.NO_CONFIDENCE in desk.verdict({**ANSWER, "confidence": None})
    assert desk.verdict({**ANSWER, "answer": None, "reason": "why"}) == "**No answer**: why."
    # An option is shown as text, whatever it looks like.
    assert "``` ''' <b>x</b> ```" in desk.verdict({**ANSWER, "choice": "``` <b>x</b>"})


def test_question_without_options():
    assert desk.question_from_fields(None, "How many?", " \n", "")["choices"] == []
    answer = {**ANSWER, "answer": "`4`", "choice": None, "choice_index": None, "scores": None}
    assert desk.option_shares(answer, []) == {}
    assert desk.verdict(answer).startswith("**Answer** ``` '4' ```\n")
    assert desk.table_of([{"question": "How many?", **answer}])[0][1] == "`4`"
    rows = desk.read_questions(b"question,choices\nHow many?,\nWhich?,gas|solid\n", "a.csv")
    assert [row["choices"] for row in rows] == [None, ["gas", "solid"]]


def test_explanation_is_of_the_rationale_in_the_field():
    asked = []

    def pipe(question, explain):
        asked.append(question)
        return {"explanation": SimpleNamespace(words=[SimpleNamespace(text="red", weight=-0.2)])}

    question = {"image": "x.png", "question": "Which?"}
    explanation = desk.where_it_looked(pipe, question, " It is red. ")
    desk.where_it_looked(pipe, question, "")
    assert [row.get("rationale") for row in asked] == ["It is red.", None]
    assert desk.weighted_words(explanation) == [("red ", 0.0)]
    with pytest.raises(ValueError, match="There is no picture"):
        desk.where_it_looked(pipe, {"image": None}, "")


def test_files_of_questions():
    lines = b'{"question": "Which?", "choices": ["a", "b"], "answer": 1}\n\n{"question": "What?", "choices": ["c"]}\n'
    rows = desk.read_questions(lines, "q.jsonl")
    assert [row["question"] for row in rows] == ["Which?", "What?"]
    assert "answer" not in rows[0]
    table = 'question,choices,context\nWhich?,a|b,Look.\nWhat?,"[""c"", ""d""]",\n'.encode("utf-8-sig")
    rows = desk.read_questions(table, "Q.CSV")
    assert [row["choices"] for row in rows] == [["a", "b"], ["c", "d"]]
    assert [row["context"] for row in rows] == ["Look.", None]


@pytest.mark.parametrize(
    ("content", "name", "fault"),
    [
        (b"", "q.jsonl", "holds no question"),
        (b"\xff\xfe", "q.jsonl", "not text in UTF-8"),
        (b"{", "q.jsonl", "Line 1 is not valid JSON"),
        (b"5", "q.jsonl", "Row 1 is no object"),
        (b'question,choices\nx,"[1"', "q.csv", "Row 1 cannot be read"),
        (b'{"question": "x", "choices": ["a", "b"]}\n' * 201, "q.jsonl", "ask at most 200"),
    ],
)
def test_files_that_cannot_be_asked(content, name, fault):
    with pytest.raises(ValueError, match=fault):
        desk.read_questions(content, name)


@pytest.mark.parametrize("picture", ["/etc/passwd", "http://localhost/x.png", "data:text/html,x", ["x.png"], 5])
def test_no_file_of_the_server_and_no_address_is_read(picture):
    row = {"question": "Which?", "choices": ["a", "b"], "image": picture}
    with pytest.raises(ValueError, match="a picture can only come inside the file"):
        desk.read_questions(json.dumps(row).encode(), "q.jsonl")


@given(st.binary(max_size=200), st.sampled_from(["q.csv", "q.jsonl"]))
def test_any_upload_is_questions_or_one_line(content, name):
    fault = ""
    try:
        assert all(isinstance(row, dict) for row in desk.read_questions(content, name))
    except ValueError as error:
        fault = str(error)
    assert len(fault.splitlines()) <= 1


def test_answers_as_table_and_file():
    rows = [{"question": "Which?", "image": "data:image/png;base64,x"}, {"question": None, "image": None}]
    answered = desk.answer_rows(Pipe(), rows)
    assert desk.table_of(answered) == [["Which?", "gas", "80%", "So it is a gas."], ["None", "bad", "", ""]]
    assert [json.loads(line) for line in desk.json_lines(answered).splitlines()] == answered
    assert "image" not in answered[0]
