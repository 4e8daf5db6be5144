"""Questions without options: the texts that count as right, from every layout."""

import csv
import json

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from mmcot.configuration import DataArguments
from mmcot.data import has_answers, load_data, load_splits
from mmcot.data.rows import RowError


CHOICE = {"id": "choice", "question": "Which?", "choices": ["red", "blue"], "answer": 1}
# By the answer as it is written: the texts that are accepted.
ANSWERS = {
    "a text": ("forty-two", ["forty-two"]),
    "a number": (42, ["42"]),
    "a fraction": (46.5, ["46.5"]),
    "a number below zero": (-1, ["-1"]),
    "several": (["42", "forty  two", 42], ["42", "forty two", "42"]),
    "several in one text": ('["42", "forty-two"]', ["42", "forty-two"]),
    "none": (None, []),
}


def open_question(answer, **changes):
    return {"id": "open", "question": "How many?", "choices": None, "answer": answer, **changes}


def write_lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.mark.parametrize("choices", [None, [], "", "[]"])
@pytest.mark.parametrize(("answer", "accepted"), ANSWERS.values(), ids=ANSWERS)
def test_accepted_answers(answer, accepted, choices, tmp_path):
    data = load_splits(write_lines(tmp_path / "a.jsonl", CHOICE, open_question(answer, choices=choices)))["train"]
    assert data["choices"][:] == [["red", "blue"], []]
    assert data["answer"][:] == [1, None]
    assert data["accepted_answers"][:] == [[], accepted]


def test_data_sets_with_options_only_have_no_such_column(tmp_path):
    assert "accepted_answers" not in load_splits(write_lines(tmp_path / "a.jsonl", CHOICE))["train"].column_names


def test_a_data_set_without_the_column_of_options_is_not_one_without_options(tmp_path):
    """The options may be there under other names."""
    rows = [{"question": "Which?", "A": "red", "B": "blue", "answer": "B"}]
    with pytest.raises(
        RowError, match="choices is missing; the columns are question, A, B, answer, rename .*, or add"
    ):
        load_splits(write_lines(tmp_path / "a.jsonl", *rows))


def save_csv(folder, rows):
    with (folder / "a.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        for row in rows:
            lists = {name: json.dumps(value) for name, value in row.items() if isinstance(value, list)}
            writer.writerow({**row, **lists})
    return folder / "a.csv"


def save_json(folder, rows):
    (folder / "a.json").write_text(json.dumps(rows))
    return folder / "a.json"


def save_parquet(folder, rows):
    pq.write_table(pa.Table.from_pylist(rows), folder / "a.parquet")
    return folder / "a.parquet"


def save_split_file(folder, rows):
    write_lines(folder / "train.jsonl", *rows)
    return folder


def save_image_folder(folder, rows):
    write_lines(folder / "metadata.jsonl", *rows)
    return folder


def save_to_disk(folder, rows):
    datasets.Dataset.from_list(rows).save_to_disk(str(folder / "saved"))
    return folder / "saved"


def save_ours(folder, rows):
    """A data set that was loaded, then saved as it is."""
    load_splits(save_parquet(folder, rows).as_posix()).save_to_disk(str(folder / "ours"))
    return folder / "ours"


def save_scienceqa(folder, rows):
    (folder / "problems.json").write_text(json.dumps({row["id"]: row for row in rows}))
    (folder / "pid_splits.json").write_text(json.dumps({"train": [row["id"] for row in rows]}))
    return folder


WRITERS = [
    *(save_csv, save_json, save_parquet, save_split_file, save_image_folder),
    *(save_to_disk, save_ours, save_scienceqa),
]


@pytest.mark.parametrize("writer", WRITERS)
def test_every_layout(writer, tmp_path):
    rows = [{**CHOICE, "answer": "B"}, open_question("42"), open_question("[42, 43]", id="several")]
    data = load_splits(str(writer(tmp_path, rows)))["train"]
    assert data["choices"][:] == [["red", "blue"], [], []]
    assert data["answer"][:] == [1, None, None]
    assert data["accepted_answers"][:] == [[], ["42"], ["42", "43"]]


def test_direct_answers_of_aokvqa(tmp_path):
    rows = [
        {"question_id": "open", "image_id": 7, "question": "What?", "direct_answers": ["cat"] * 9 + ["dog"]},
        {
            "question_id": "choice",
            "image_id": 7,
            "question": "What?",
            "choices": ["cat", "dog"],
            "correct_choice_idx": 1,
        }
        | {"direct_answers": ["cat"] * 10},
    ]
    (tmp_path / "aokvqa_v1p0_train.json").write_text(json.dumps(rows))
    (tmp_path / "train2017").mkdir()
    Image.new("RGB", (5, 5)).save(tmp_path / "train2017" / "000000000007.jpg")
    data = load_splits(str(tmp_path))["train"]
    assert data["accepted_answers"][:] == [["cat"] * 9 + ["dog"], []]
    assert data["answer"][:] == [None, 1]


def test_questions_of_aokvqa_as_published_without_their_options(tmp_path):
    """Each has both; who takes the options away asks for the direct answer."""
    row = {"split": "train", "image_id": 7, "question_id": "22MexNkBPpdZGX6sxbxVBH", "question": "What is it?"}
    row |= {"choices": ["cat", "dog", "cow", "hen"], "correct_choice_idx": 1, "difficult_direct_answer": False}
    row |= {"direct_answers": ["dog"] * 8 + ["hound"] * 2, "rationales": ["It barks.", "Dogs bark.", "It has a tail."]}
    (tmp_path / "aokvqa_v1p0_train.json").write_text(json.dumps([row]))
    (tmp_path / "train2017").mkdir()
    Image.new("RGB", (5, 5)).save(tmp_path / "train2017" / "000000000007.jpg")
    chosen = load_splits(str(tmp_path))["train"][0]
    assert (chosen["choices"][1], chosen["answer"]) == ("dog", 1)
    direct = load_splits(str(tmp_path), DataArguments(columns={"choices": "offered"}))["train"]
    assert (direct["choices"][0], direct["answer"][0], direct["accepted_answers"][0]) == (
        [],
        None,
        row["direct_answers"],
    )
    assert direct["solution"][:] == row["rationales"]


@pytest.fixture
def tabmwp(tmp_path):
    """A folder as published: a free answer, one among options, and the images of their tables."""
    free = {
        "question": "What is the mean of the numbers?",
        "choices": None,
        "answer": "84",
        "unit": None,
        "table_title": "Coin collections",
        "table": "Name | Number of coins\nBraden | 76\nCamilla | 94",
        "table_for_pd": {"Name": ["Braden", "Camilla"], "Number of coins": ["76", "94"]},
        "row_num": 3,
        "column_num": 2,
        "solution": "Read the numbers from the table.\nThe mean is 84.",
        "ques_type": "free_text",
        "ans_type": "integer_number",
        "grade": 5,
        "split": "train",
    }
    chosen = free | {"choices": ["Braden", "Camilla"], "answer": "Camilla", "ques_type": "multi_choice"}
    (tmp_path / "tables").mkdir()
    for split, problems in {"train": {"16": free, "3": chosen}, "dev": {"7": free}}.items():
        (tmp_path / f"problems_{split}.json").write_text(json.dumps(problems))
        for number in problems:
            Image.new("RGB", (int(number), 5)).save(tmp_path / "tables" / f"{number}.png")
    return tmp_path


def test_tabmwp(tabmwp):
    splits = load_splits(str(tabmwp))
    assert {split: data["id"][:] for split, data in splits.items()} == {"train": ["16", "3"], "validation": ["7"]}
    free, chosen = splits["train"]
    assert (free["accepted_answers"], free["answer"], free["image"].width, free["grade"]) == (["84"], None, 16, "5")
    assert (chosen["accepted_answers"], chosen["answer"], chosen["choices"]) == ([], 1, ["Braden", "Camilla"])
    assert free["table"].startswith("Name | Number of coins\n")
    with_context = load_splits(str(tabmwp), DataArguments(columns={"table": "hint"}))["train"]
    assert with_context["hint"][0] == free["table"]
    assert load_splits(str(tabmwp / "problems_dev.json"))["validation"]["id"][:] == ["7"]


def test_bad_rows_of_tabmwp(tabmwp):
    (tabmwp / "tables" / "3.png").unlink()
    (tabmwp / "problems_dev.json").write_text('{"7": 5}')
    (first, second) = load_data(str(tabmwp), DataArguments(on_error="skip")).skipped
    assert [(entry["row"], entry["field"]) for entry in (first, second)] == [("7", None), ("3", "image")]
    (tabmwp / "problems_dev.json").write_text("[]")
    with pytest.raises(ValueError, match="problems_dev.json holds no object; download it again"):
        load_splits(str(tabmwp))


def test_what_has_a_right_answer(tmp_path):
    rows = [CHOICE, open_question("42"), open_question(None, id="none"), {**CHOICE, "id": "test", "answer": None}]
    data = load_splits(write_lines(tmp_path / "a.jsonl", *rows))["train"]
    assert has_answers(data) == [True, True, False, False]
    assert has_answers(load_splits(write_lines(tmp_path / "b.jsonl", CHOICE))["train"]) == [True]
