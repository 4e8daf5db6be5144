"""Files that cannot be used: each is named, with what is wrong with it and what to do."""

import json
import struct

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mmcot.configuration import DataArguments
from mmcot.data import load_splits


GOOD = {"id": "good", "question": "What?", "choices": ["red", "blue", "green"], "answer": 1}
SKIP = DataArguments(on_error="skip")


def test_long_cells_of_a_csv_file(tmp_path):
    (tmp_path / "a.csv").write_text(f'question,choices\n{"x" * 200_000},"[1, 2]"\n')
    assert len(load_splits(str(tmp_path / "a.csv"))["train"]["question"][0]) == 200_000
    (tmp_path / "a.csv").write_text('question,choices\n"' + "x" * 10_000_001)
    with pytest.raises(ValueError, match="a.csv, line 2: field larger than .*is a quotation mark missing"):
        load_splits(str(tmp_path / "a.csv"))


def table_bytes(rows, damage):
    """A Parquet file with some of its bytes changed: `damage` takes and gives the list of them."""
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), buffer, compression="none")
    return bytes(damage(bytearray(buffer.getvalue().to_pybytes())))


ROWS = [{**GOOD, "id": str(number), "hint": "hint" * 50} for number in range(9)]
BAD_FILES = {
    "cut parquet": ("a.parquet", table_bytes(ROWS, lambda data: data[:-40]), "a.parquet is no Parquet file that can"),
    "spoilt pages": (
        "a.parquet",
        table_bytes(ROWS, lambda data: data[:40] + b"\xff" * 200 + data[240:]),
        "no Parquet fi",
    ),
    "no text": (
        "a.parquet",
        table_bytes(ROWS, lambda data: data.replace(b"hinth", b"\xff" * 5)),
        "no Parquet file that",
    ),
    "deep list": ("a.json", b"[" * 20_000, "a.json is not valid JSON: lists or objects are nested too deeply"),
    "deep problems": ("problems.json", b'{"a":' * 20_000, "problems.json is not valid JSON .*nested too deeply"),
    "empty lines": ("a.jsonl", b"", "is empty: it holds no rows"),
    "blank lines": ("a.jsonl", b"\n \n", "is empty: it holds no rows"),
    "empty list": ("a.json", b"[]", "is empty: it holds no rows"),
    "broken list": ("a.json", b'[{"id": 1}, {', "a.json is not valid JSON"),
    "empty csv": ("a.csv", b"", "is empty: it holds no rows"),
    "csv of names": ("a.csv", b"question,choices\n", "is empty: it holds no rows"),
    "csv with a name twice": ("a.csv", b"id,id\n1,2\n", "two columns of one name; its columns are id, id"),
    "csv with an unprintable name twice": ("a.csv", b"\x1b,\x1b\n1,2\n", r"columns are \\x1b, \\x1b; rename one"),
    "open quotation mark": ("a.csv", b'id,question\n1,"What?\n', "a.csv, line 2: .*quotation mark missing"),
    "csv of Latin-1": ("a.csv", b"id,question\n1,\xe9\n", "a.csv is not UTF-8; save it with that encoding"),
    "empty parquet": ("a.parquet", b"", "a.parquet is no Parquet file"),
    "broken parquet": ("a.parquet", b"PAR1 and then nothing", "a.parquet is no Parquet file"),
    "broken problems": ("problems.json", b"{", "problems.json is not valid JSON"),
    "problems in a list": ("problems.json", b"[]", "problems.json holds no object"),
    "problems without splits": ("problems.json", b"{}", "There is no file .*pid_splits.json"),
}


@pytest.mark.parametrize(("name", "content", "message"), BAD_FILES.values(), ids=BAD_FILES)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_bad_file(name, content, message, on_error, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_splits(str(tmp_path / name), DataArguments(on_error=on_error))


def test_empty_file_of_one_split(tmp_path):
    (tmp_path / "train.jsonl").write_text(json.dumps(GOOD))
    (tmp_path / "test.jsonl").write_text("")
    with pytest.raises(ValueError, match="test.jsonl is empty"):
        load_splits(str(tmp_path))


def test_no_problems(tmp_path):
    for name in ("problems.json", "pid_splits.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(ValueError, match="is empty: it holds no rows"):
        load_splits(str(tmp_path))


@pytest.mark.parametrize("ids", [None, 5, "0", {"0": 1}, [["0"]], [None], [{}]])
def test_splits_of_another_shape(ids, tmp_path):
    (tmp_path / "problems.json").write_text(json.dumps({"0": GOOD}))
    (tmp_path / "pid_splits.json").write_text(json.dumps({"train": ["0"], "val": ids}))
    with pytest.raises(ValueError, match="pid_splits.json: val is no list of problem ids; download it again"):
        load_splits(str(tmp_path))


SAVED_DAMAGE = {
    "no data": lambda folder: next(folder.glob("*.arrow")).unlink(),
    "cut data": lambda folder: cut(next(folder.glob("*.arrow"))),
    "no description": lambda folder: (folder / "dataset_info.json").unlink(),
    "cut description": lambda folder: cut(folder / "dataset_info.json"),
    "cut state": lambda folder: cut(folder / "state.json"),
    "state of another shape": lambda folder: (folder / "state.json").write_text("[]"),
    "data of another shape": lambda folder: next(folder.glob("*.arrow")).write_bytes(b"x" * 999),
    "text of negative length": lambda folder: move_text(folder, -7),
    "text beyond the data": lambda folder: move_text(folder, 999_999),
}


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def move_text(folder, end):
    """Lets the second hint end elsewhere."""
    path = next(folder.glob("*.arrow"))
    path.write_bytes(path.read_bytes().replace(struct.pack("<2i", 200, 400), struct.pack("<2i", 200, end)))


@pytest.mark.parametrize("damage", SAVED_DAMAGE)
def test_damaged_folder_of_save_to_disk(damage, tmp_path):
    datasets.Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "saved"))
    SAVED_DAMAGE[damage](tmp_path / "saved")
    with pytest.raises(ValueError, match="/saved is no whole data set of save_to_disk .*; write it again"):
        load_splits(str(tmp_path / "saved"), SKIP)


def test_file_that_may_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "mine.jsonl").write_text(json.dumps(GOOD))

    def refuse(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(ValueError, match="mine.jsonl cannot be read .*Permission denied.*; make its files readable"):
        load_splits(str(tmp_path / "mine.jsonl"))


def test_folder_and_loop_in_the_place_of_a_file(tmp_path):
    (tmp_path / "a.jsonl").mkdir()
    (tmp_path / "b.jsonl").symlink_to("b.jsonl")
    with pytest.raises(ValueError, match="The folder .*/a.jsonl holds no data set; use"):
        load_splits(str(tmp_path / "a.jsonl"))
    with pytest.raises(ValueError, match="There is no data set .*/b.jsonl"):
        load_splits(str(tmp_path / "b.jsonl"))
