"""Rows that cannot be used: each is named with file, row, field and remedy, and left out where that is asked for."""

import json
import re

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mmcot.configuration import DataArguments
from mmcot.data import load_data, load_splits
from mmcot.data.answers import read_text_answer
from mmcot.data.rows import RowError
from mmcot.modeling_mmcot.prompt_mmcot import flatten, letter


NESTED = json.loads("[" * 500 + "]" * 500)
GOOD = {"id": "good", "question": "What?", "choices": ["red", "blue", "green"], "answer": 1}
SKIP = DataArguments(on_error="skip")


@pytest.fixture
def file(tmp_path):
    """Function that writes a JSON-lines file of rows, or of lines as they are."""

    def write(*rows):
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / "mine.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return str(tmp_path / "mine.jsonl")

    return write


BAD_ROWS = {
    "no question": ({"question": None}, "question", "is missing"),
    "empty question": ({"question": " "}, "question", "is missing"),
    "list as question": ({"question": ["What?"]}, "question", "is a list; write a text"),
    "one option": ({"choices": ["red"]}, "choices", "hold one option; .* two or more, or leave them empty"),
    "accepted answers of no text": ({"choices": [], "answer": ["red", None]}, "answer", "write a text, or a list of"),
    "truth value as accepted answer": ({"choices": None, "answer": True}, "answer", "write a text, or a list of"),
    "empty accepted answer": ({"choices": "[]", "answer": ["red", " "]}, "answer", "holds an empty text"),
    "options in one text": ({"choices": "red|blue"}, "choices", r'write a list, in a table as \["red", "blue"\]'),
    "options of no text": ({"choices": ["red", None]}, "choices", "write texts only"),
    "answer above": ({"answer": 3}, "answer", r"is 3, but the options are 0 to 2, \(A\) to \(C\)"),
    "answer below": ({"answer": -2}, "answer", "is -2, but the options are 0 to 2"),
    "letter above": ({"answer": "D"}, "answer", "is 'D', but the options are"),
    "digits above": ({"answer": "3"}, "answer", "is '3', but the options are"),
    "no such text": ({"answer": "purple"}, "answer", "is 'purple', but the options are"),
    "fraction": ({"answer": 0.5}, "answer", "write an index from 0, a letter, or the option's text"),
    "truth value": ({"answer": True}, "answer", "write an index from 0, a letter, or the option's text"),
    "list as answer": ({"answer": [1]}, "answer", "write an index from 0, a letter, or the option's text"),
    "digits that are an option": (
        {"choices": ["0", "2", "1"], "answer": "1"},
        "answer",
        r"can mean \(B\) or \(C\); write the letter",
    ),
    "letter that is an option": (
        {"choices": ["B", "A"], "answer": "A"},
        "answer",
        r"can mean \(A\) or \(B\); write the index, counted from 0",
    ),
    "right option twice": (
        {"choices": ["red", "blue", " blue"]},
        "choices",
        "hold the right one, 'blue', more than once",
    ),
    "right text twice": ({"choices": ["red", "red"], "answer": "red"}, "choices", "'red', more than once; keep one"),
    "list as hint": ({"hint": ["Look."]}, "hint", "is a list; write a text"),
    "list as caption": ({"caption": ["A cat."]}, "caption", "is a list; write a text"),
    "object as id": ({"id": {"a": 1}}, "id", "is a dict; write a text"),
    "rationales of no text": ({"solution": ["So.", 3]}, "solution", "write texts only"),
    "half a character": ({"hint": "\ud83d"}, "hint", "half a character"),
    "half a character in an option": ({"choices": ["a", "\ud83d"]}, "choices", "half a character"),
    "number as picture": ({"image": 5}, "image", "is 5; write the path of a picture"),
    "address as picture": ({"image": "https://x.org/a.png"}, "image", "download the picture and write its path"),
    "path that leaves the folder": (
        {"image": "../a.png"},
        "image",
        "leaves .*; write an absolute path or set data.images",
    ),
    "NUL in a path": ({"image": "a\0.png"}, "image", r"is 'a\\x00.png', which no file can be called"),
    "half a character in a path": (
        {"image": "\ud83d.png"},
        "image",
        r"is '\\ud83d.png', which no file can be called",
    ),
    "endless path": ({"image": "a/" * 3000}, "image", "is 'a/a/.*', which no file can be called"),
    "missing picture": ({"image": "a.png"}, "image", "/a.png does not exist; set data.images"),
    "id twice": ({"id": "good"}, "id", "'good' is that of an earlier row of train; give each row its own"),
    "nested too deeply": ('{"id": "bad", "question": ' + 20000 * "[", None, "cannot be read .*nested too deeply"),
    "nested deeply": ({"answer": NESTED}, "answer", r"is \[\[\[\.\.\.\]\]\]; write an index"),
    "options nested too deeply": ({"choices": 20000 * "["}, "choices", "write a list"),
    "split of a long name": ({"split": "x" * 101}, "split", "write one word, such as test"),
    "nameless split": ({"split": ""}, "split", "is ''; write one word, such as test"),
    "path as split": ({"split": "../x"}, "split", "is '../x'; write one word, such as test"),
}


@pytest.mark.parametrize(("change", "field", "reason"), BAD_ROWS.values(), ids=BAD_ROWS)
def test_bad_row(change, field, reason, file):
    spec = file(GOOD, "", change if isinstance(change, str) else {**GOOD, "id": "bad", **change})
    with pytest.raises(RowError, match=f"mine.jsonl, row 3{f': {field}' if field else ''} .*{reason}"):
        load_data(spec)
    data = load_data(spec, SKIP)
    assert data.splits["train"]["id"][:] == ["good"]
    (entry,) = data.skipped
    assert (entry["source"], entry["row"], entry["field"]) == (spec, 3, field)
    assert re.search(reason, entry["reason"])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": 5', "cannot be read \\(Expecting"),
        (b"\xff", "cannot be read \\(.*codec"),
        (b'"text"', "is no object"),
    ],
)
def test_line_that_is_no_row(line, reason, tmp_path):
    good = [json.dumps({**GOOD, "id": name}).encode() for name in ("good", "last")]
    (tmp_path / "mine.jsonl").write_bytes(b"\n".join([good[0], line, good[1]]))
    with pytest.raises(RowError, match=f"mine.jsonl, row 2 {reason}.*; write a JSON object"):
        load_data(str(tmp_path / "mine.jsonl"))
    data = load_data(str(tmp_path / "mine.jsonl"), SKIP)
    assert data.splits["train"]["id"][:] == ["good", "last"]
    assert (data.skipped[0]["row"], data.skipped[0]["field"]) == (2, None)


def test_first_bad_row_stops_and_all_are_listed(file):
    spec = file(GOOD, {**GOOD, "id": "a", "answer": 7}, {"id": "b"}, {**GOOD, "id": "c"})
    with pytest.raises(RowError, match="row 2"):
        load_splits(spec)
    assert [entry["row"] for entry in load_data(spec, SKIP).skipped] == [2, 3]


def test_left_out_rows_are_said(file, caplog):
    load_splits(file(GOOD, {**GOOD, "id": "a", "answer": 7}), SKIP)
    assert re.search(r"Bad rows of .* left out: 1. The first: .*mine.jsonl, row 2: answer is 7", caplog.text)


def test_nothing_but_bad_rows(file):
    with pytest.raises(ValueError, match="All 2 rows of .*mine.jsonl are bad; the first: .* row 1"):
        load_splits(file({"id": "a"}, {"id": "b"}), SKIP)


def test_wrong_column_names_are_told(file):
    with pytest.raises(RowError, match="question is missing; the columns are text, options, rename one with data.col"):
        load_splits(file({"text": "What?", "options": ["a", "b"]}))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(None, None), ("", None), (-1, None), ("-1", None), (float("nan"), None)]
    + [(0, 0), (2.0, 2), ("2", 2), ("2.0", 2), ("B", 1), ("b", 1), ("(B)", 1), ("B.", 1), ("blue", 1), (" blue ", 1)],
)
def test_readings_of_an_answer(answer, expected, file):
    assert load_splits(file({**GOOD, "answer": answer}))["train"]["answer"][:] == [expected]


def test_equal_options_beside_the_right_one_are_no_fault(file):
    assert load_splits(file({**GOOD, "choices": ["red", "blue", "red"]}))["train"]["answer"][:] == [1]


def test_ids_of_further_rationales_are_taken(file):
    twice = {**GOOD, "id": "7", "solution": ["So.", "Thus."]}
    for rows in ([twice, {**GOOD, "id": "7#2"}], [{**GOOD, "id": "7#2"}, twice]):
        with pytest.raises(
            RowError, match="row 2: id '7#2' is that of an earlier row of train; give each row its own"
        ):
            load_splits(file(*rows))
        data = load_data(file(*rows), SKIP)
        assert data.splits["train"]["id"][:] == (["7", "7#2"] if rows[0] is twice else ["7#2"])
        assert len(data.skipped) == 1
    assert len(load_splits(file(twice, {**GOOD, "id": "7#2"}), DataArguments(rationales="first"))["train"]) == 2


@pytest.mark.parametrize("name", ["prompt_length", "prompt_stage", "generated_rationale", "image_hashes"])
def test_columns_that_training_makes(name, file):
    with pytest.raises(
        ValueError, match=rf"mine.jsonl has a column '{name}', .* --columns {name}=my_{name}, .*data.col"
    ):
        load_splits(file({**GOOD, name: "x"}), SKIP)
    spec = file({**GOOD, name: "x"})
    assert load_splits(spec, DataArguments(columns={name: f"my_{name}"}))["train"][f"my_{name}"][:] == ["x"]


def test_names_that_no_column_can_have(file):
    assert load_splits(file({**GOOD, "\ud800": "x", "": "y", "a\0b": "z"}))["train"].column_names[-1] == "solution"


def test_what_cannot_be_printed_is_spelled_out(file):
    spec = file(GOOD, {**GOOD, "id": "\x1b[31m\u2028", "answer": 9}, {**GOOD, "id": "good", "image": "\x1b.png"})
    for entry in load_data(spec, SKIP).skipped:
        assert str(RowError(**entry)).isprintable()


def test_numbers_and_texts_that_agree(file):
    row = load_splits(file({**GOOD, "choices": [0, 1, 2.5], "answer": "1"}))["train"][0]
    assert (row["choices"], row["answer"]) == (["0", "1", "2.5"], 1)


def test_missing_cells(file):
    row = load_splits(file({"question": "What?", "choices": ["a", "b"], "hint": None, "topic": None}))["train"][0]
    assert row["image"] is None
    assert row["answer"] is None
    assert (row["id"], row["hint"], row["lecture"], row["solution"], row["topic"]) == ("0", "", "", "", "")


def test_lists_beside_our_columns_are_left_behind(file):
    data = load_splits(file({**GOOD, "box": [1, 2], "level": 2.5, "hard": True}))["train"]
    assert (data["level"][0], data["hard"][0]) == ("2.5", "True")
    assert "box" not in data.column_names


def test_bad_rows_of_other_files(tmp_path):
    rows = [{**GOOD, "id": "a"}, {**GOOD, "id": "b", "answer": 7}]
    (tmp_path / "a.json").write_text(json.dumps([*rows, 5]))
    assert [entry["row"] for entry in load_data(str(tmp_path / "a.json"), SKIP).skipped] == [1, 2]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert [entry["row"] for entry in load_data(str(tmp_path / "a.parquet"), SKIP).skipped] == [1]
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "saved"))
    (entry,) = load_data(str(tmp_path / "saved"), SKIP).skipped
    assert (entry["source"], entry["row"], entry["field"]) == (str(tmp_path / "saved"), 1, "answer")


def test_row_of_a_csv_file_is_the_line_it_begins_on(tmp_path):
    rows = ['1,"What\nis\nit?","[1, 2]",A', "2,What?,a,A", '3,What?,"[1, 2]",A,5', '4,"Who?"']
    (tmp_path / "a.csv").write_text("\n".join(["id,question,choices,answer", *rows]))
    data = load_data(str(tmp_path / "a.csv"), SKIP)
    assert data.splits["train"]["question"][:] == ["What\nis\nit?"]
    assert [(entry["row"], entry["field"]) for entry in data.skipped] == [(5, "choices"), (6, None), (7, "choices")]
    assert "5 cells under 4 column names" in data.skipped[1]["reason"]


def test_file_with_a_byte_order_mark(tmp_path):
    for name, content in {"a.jsonl": json.dumps(GOOD), "a.json": json.dumps([GOOD])}.items():
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + content.encode())
        assert load_splits(str(tmp_path / name))["train"]["id"][:] == ["good"]


def test_json_file_of_lines(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(GOOD) + "\n")
    assert load_splits(str(tmp_path / "a.json"))["train"]["id"][:] == ["good"]


def test_ids_may_repeat_between_splits(file):
    splits = load_splits(file({**GOOD, "split": "train"}, {**GOOD, "split": "dev"}))
    assert {split: data["id"][:] for split, data in splits.items()} == {"train": ["good"], "validation": ["good"]}


def test_captions_beside_a_column_of_captions(file, tmp_path):
    (tmp_path / "captions.json").write_text('{"good": "A cat."}')
    with pytest.raises(ValueError, match="has a column caption; leave out data.captions or rename the column"):
        load_splits(file({**GOOD, "caption": "A dog."}), DataArguments(captions=str(tmp_path / "captions.json")))


TEXTS = st.text(max_size=6).map(flatten)


@given(choices=st.lists(TEXTS, min_size=2, max_size=30, unique=True), data=st.data())
def test_every_way_of_writing_an_answer_is_among_its_readings(choices, data):
    index = data.draw(st.integers(0, len(choices) - 1))
    for text in (choices[index], letter(index), f"({letter(index)})", letter(index).lower(), str(index)):
        readings = read_text_answer(text, choices)
        assert index in readings
        assert len(readings) == 1 or text in choices


@given(text=st.text(), choices=st.lists(TEXTS, min_size=2, max_size=4))
def test_any_text_is_read_as_options_or_none(text, choices):
    assert read_text_answer(text, choices) <= set(range(len(choices)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(row=st.dictionaries(st.sampled_from([*GOOD, "hint", "solution", "image", "split", "topic"]), JSON))
def test_any_row_passes_or_is_listed(row, tmp_path):
    lines = [json.dumps(values) + "\n" for values in ({**GOOD, "id": "first"}, {**GOOD, **row})]
    (tmp_path / "any.jsonl").write_text("".join(lines), encoding="utf-8")
    data = load_data(str(tmp_path / "any.jsonl"), SKIP)
    rows = [example for split in data.splits.values() for example in split]
    assert len(data.skipped) == (0 if len({example["id"].split("#")[0] for example in rows}) == 2 else 1)
    assert all(entry["row"] == 2 for entry in data.skipped)
