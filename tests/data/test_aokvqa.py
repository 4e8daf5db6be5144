"""A-OKVQA as published: annotation files, COCO's pictures, three rationales for each question."""

import json

import pytest
from PIL import Image

from mmcot.configuration import DataArguments
from mmcot.data import load_splits
from mmcot.data.examples import COLUMNS
from mmcot.data.rows import RowError


SPLITS = ("train", "val", "test")


def annotation(number, split):
    row = {
        "split": split,
        "image_id": 100 + number,
        "question_id": f"q{number}",
        "question": "What is it?",
        "choices": ["cat", "dog", "cow", "owl"],
    }
    labels = {
        "correct_choice_idx": number % 4,
        "direct_answers": ["cat"] * 10,
        "difficult_direct_answer": False,
        "rationales": [f"Because of {word}." for word in ("ears", "paws", "tails")],
    }
    return row if split == "test" else {**row, **labels}


@pytest.fixture
def aokvqa(tmp_path):
    """A folder with A-OKVQA's three files, and one with COCO's pictures."""
    for split in SPLITS:
        rows = [annotation(number, split) for number in range(2)]
        (tmp_path / f"aokvqa_v1p0_{split}.json").write_text(json.dumps(rows))
        (tmp_path / "coco" / f"{split}2017").mkdir(parents=True)
        for row in rows:
            Image.new("RGB", (row["image_id"], 5)).save(tmp_path / f"coco/{split}2017/{row['image_id']:012d}.jpg")
    return tmp_path


@pytest.mark.parametrize(
    ("rationales", "train", "validation"),
    [(None, 3, 1), ("all", 3, 3), ("first", 1, 1)],
)
def test_aokvqa(rationales, train, validation, aokvqa):
    splits = load_splits(str(aokvqa), DataArguments(images=str(aokvqa / "coco"), rationales=rationales))
    ids = [["q0", "q0#2", "q0#3"][:count] for count in (train, validation)]
    assert [splits[split]["id"][: len(part)] for split, part in zip(splits, ids, strict=False)] == ids
    assert [len(splits[split]) for split in splits] == [2 * train, 2 * validation, 2]
    first, last = splits["train"][0], splits["train"][2 * train - 1]
    assert (first["solution"], first["answer"], first["image"].width) == ("Because of ears.", 0, 100)
    assert (last["answer"], last["image"].width) == (1, 101)
    assert splits["train"].column_names == [*COLUMNS, "difficult_direct_answer", "image_id"]
    assert splits["test"]["answer"][:] == [None, None]
    assert splits["test"]["solution"][:] == ["", ""]


def test_aokvqa_file(aokvqa):
    arguments = DataArguments(images=str(aokvqa / "coco"))
    whole = load_splits(str(aokvqa), arguments)["validation"]
    splits = load_splits(str(aokvqa / "aokvqa_v1p0_val.json"), arguments)
    assert list(splits) == ["validation"]
    assert splits["validation"][:] == whole[:]


def test_captions_belong_to_every_copy_of_a_problem(aokvqa):
    (aokvqa / "captions.json").write_text('{"q0": "A cat."}')
    arguments = DataArguments(images=str(aokvqa / "coco"), captions=str(aokvqa / "captions.json"))
    assert load_splits(str(aokvqa), arguments)["train"]["caption"][:] == ["A cat."] * 3 + [""] * 3


def test_row_without_picture_number(tmp_path):
    rows = [{**annotation(1, "train"), "image_id": "x"}]
    (tmp_path / "aokvqa_v1p0_train.json").write_text(json.dumps(rows))
    with pytest.raises(RowError, match="train.json, row 0: image_id is 'x'; it must be the number of a COCO picture"):
        load_splits(str(tmp_path))


def test_missing_picture_is_named(aokvqa):
    (aokvqa / "coco" / "val2017" / "000000000101.jpg").unlink()
    with pytest.raises(RowError, match="val.json, row 1: image .*/val2017/000000000101.jpg does not exist"):
        load_splits(str(aokvqa), DataArguments(images=str(aokvqa / "coco")))


def test_split_by_the_name_of_the_file(aokvqa):
    rows = [{name: value for name, value in annotation(0, "val").items() if name != "split"}]
    (aokvqa / "aokvqa_v1p0_val.json").write_text(json.dumps(rows))
    splits = load_splits(str(aokvqa), DataArguments(images=str(aokvqa / "coco")))
    assert splits["validation"]["id"][:] == ["q0"]
