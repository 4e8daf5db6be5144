"""Data sets on the disk in every layout, with what goes wrong in files: in their texts, types and bytes."""

import csv
import io
import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq


Row = dict[str, Any]
Writer = Callable[[random.Random, list[Row], Path], Path]

DEEP = 20_000  # more levels than Python follows
COLUMNS = ("id", "question", "choices", "answer", "hint", "solution", "image", "split", "more")
ODD_LINES = (
    "[" * DEEP,
    '{"a":' * DEEP,
    "[" * 700,
    "5",
    "null",
    '"x"',
    "[]",
    "{",
    "{}",
    "NaN",
    "\0",
    "\ufeff",
    '{"id": ' + "9" * 5000,
)
ODD_FILES = (
    "{}",
    "5",
    "null",
    '"x"',
    "[" * DEEP,
    "[5, null]",
    "[[]]",
    '{"data": []}',
    '[{"a":' * DEEP,
    "[NaN]",
    "[1e999]",
)
ODD_ENDS = ('"', '"a"b,c', ",," * 50, "\n\n", '"' + "x" * 200_000, "\0", "a;b;c", "\r", "é")
ENCODINGS = ("utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252")
KINDS = (
    *(pa.timestamp("ns"), pa.date32(), pa.time64("us"), pa.duration("s"), pa.decimal128(20, 3), pa.uint64()),
    *(pa.float16(), pa.null(), pa.bool_(), pa.large_string(), pa.binary(), pa.dictionary(pa.int8(), pa.string())),
    *(pa.list_(pa.binary()), pa.struct([("a", pa.int8())]), pa.map_(pa.string(), pa.int8()), pa.list_(pa.float32())),
)
ODD_IDS = (None, 5, "0", {"0": 1}, [0], [["0"]], [{}], [None], ["0", "0"], ["99"], [True], [1.0], ["\ud800"], ["\0"])
ODD_SPLITS = ([], None, 5, "train", {}, {"train": None}, ["train"])
COCO_NUMBERS = (7, "7", -7, 7.0, 10**30, None, "x", "٧", [7], True, math.nan, "9" * 5000, 10**400)
# What comes in the place of a file that was not really fetched.
STRANGERS = (b"", b"\x1f\x8b\x08", b"PK\x03\x04", b"version https://git-lfs.github.com/spec/v1\n", b"<!DOCTYPE html>")


def write_text(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def dump(rng: random.Random, value: Any) -> str:
    """A value in JSON; lone surrogates as escapes, or as bytes that are no UTF-8."""
    return json.dumps(value, ensure_ascii=rng.random() < 0.7)


def write_jsonl(rng: random.Random, rows: list[Row], folder: Path, name: str = "all.jsonl") -> Path:
    lines = [dump(rng, row) for row in rows]
    if rng.random() < 0.15:
        lines.insert(rng.randint(0, len(lines)), rng.choice(ODD_LINES))
    write_text(folder / name, rng.choice(["\n", "\r\n", "\n\n"]).join(lines) + rng.choice(["", "\n"]))
    return folder / name


def write_json(rng: random.Random, rows: list[Row], folder: Path, name: str = "all.json") -> Path:
    write_text(folder / name, rng.choice(ODD_FILES) if rng.random() < 0.15 else dump(rng, rows))
    return folder / name


def write_csv(rng: random.Random, rows: list[Row], folder: Path, name: str = "all.csv") -> Path:
    header = list(dict.fromkeys(key for row in rows for key in row))
    if rng.random() < 0.05:
        header.append(rng.choice(header))
    text = io.StringIO()
    writer = csv.writer(text, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), escapechar="\\")
    writer.writerow(header)
    for row in rows:
        cells = [row.get(key) for key in header]
        writer.writerow([dump(rng, cell) if isinstance(cell, (list, dict)) else cell for cell in cells])
    content = text.getvalue() + (rng.choice(ODD_ENDS) if rng.random() < 0.15 else "")
    encoding = rng.choice(ENCODINGS)
    (folder / name).write_bytes(content.encode(encoding, "surrogatepass" if "utf" in encoding else "replace"))
    return folder / name


def write_parquet(rng: random.Random, rows: list[Row], folder: Path, name: str = "all.parquet") -> Path:
    try:
        pq.write_table(arrow_table(rng, rows), folder / name)
    except (pa.ArrowException, NotImplementedError):  # Parquet has fewer types than Arrow
        pq.write_table(pa.table({"id": ["0"]}), folder / name)
    return folder / name


def arrow_table(rng: random.Random, rows: list[Row]) -> pa.Table:
    """The rows as Arrow has them: a column of several types becomes text, and one may have a type of its own."""
    columns = {}
    for name in dict.fromkeys(key for row in rows for key in row):
        values = [row.get(name) for row in rows]
        try:
            column = pa.array(values)
        except (pa.ArrowException, OverflowError, UnicodeError, TypeError):
            column = pa.array([None if value is None else printable(json.dumps(value)) for value in values])
        columns[printable(name)] = column
    if rng.random() < 0.2:
        columns[rng.choice(COLUMNS)] = odd_column(rng.choice(KINDS), len(rows), empty=rng.random() < 0.3)
    return pa.table(columns)


def printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def odd_column(kind: pa.DataType, length: int, empty: bool) -> pa.Array:
    """A column of a type, of nulls or of the same value in each row."""
    if empty or pa.types.is_null(kind):
        return pa.nulls(length, kind)
    if pa.types.is_dictionary(kind):
        return pa.array(["a"] * length).dictionary_encode()
    if pa.types.is_struct(kind):
        return pa.array([{"a": 1}] * length, kind)
    if pa.types.is_nested(kind):
        return pa.array([[]] * length, kind)
    if pa.types.is_binary(kind) or pa.types.is_large_string(kind):
        return pa.array(["é"] * length, pa.large_string()).cast(kind)
    return pa.array([1] * length).cast(kind)


TABLES: dict[str, Callable[..., Path]] = {
    "jsonl": write_jsonl,
    "json": write_json,
    "csv": write_csv,
    "parquet": write_parquet,
}


def write_splits(rng: random.Random, rows: list[Row], folder: Path) -> Path:
    for split in rng.sample(["train", "val", "test", "dev", "notes"], rng.randint(1, 3)):
        kind = rng.choice(list(TABLES))
        TABLES[kind](rng, rows, folder, f"{split}.{kind}")
    return folder


def write_image_folder(rng: random.Random, rows: list[Row], folder: Path) -> Path:
    name = rng.choice(["file_name", "file_names", "image"])
    rows = [{name if key == "image" else key: value for key, value in row.items()} for row in rows]
    place = rng.choice([folder, folder / "train", folder / "test"])
    place.mkdir(exist_ok=True)
    kind = rng.choice(list(TABLES))
    TABLES[kind](rng, rows, place, f"metadata.{kind}")
    return folder


def write_scienceqa(rng: random.Random, rows: list[Row], folder: Path) -> Path:
    problems: dict[str, Any] = {str(number): {**row, "id": None} for number, row in enumerate(rows)}
    splits: Any = {"train": list(problems), "val": [], "test": list(problems)[:1]}
    if rng.random() < 0.4:
        splits[rng.choice(["train", "val", "test", "minival"])] = rng.choice(ODD_IDS)
    if rng.random() < 0.1:
        splits = rng.choice(ODD_SPLITS)
    if rng.random() < 0.2:
        problems[rng.choice(list(problems))] = rng.choice([None, [], 5, "x", {}])
    for name, content in {"problems": problems, "pid_splits": splits}.items():
        write_text(folder / f"{name}.json", "[" * DEEP if rng.random() < 0.03 else dump(rng, content))
    for name in ("train/0", "test/0", "None/0"):
        (folder / "images" / name).mkdir(parents=True)
        (folder / "images" / name / "image.png").symlink_to(folder / "good.png")
    return rng.choice([folder, folder / "problems.json"])


def write_aokvqa(rng: random.Random, rows: list[Row], folder: Path) -> Path:
    names = {"id": "question_id", "answer": "correct_choice_idx", "solution": "rationales"}
    rows = [{names.get(key, key): value for key, value in row.items() if key != "image"} for row in rows]
    for row in rows:
        row["image_id"] = 7 if rng.random() < 0.5 else rng.choice(COCO_NUMBERS)
    if rng.random() < 0.2:
        rng.choice(rows).pop("image_id")
    (folder / "train2017").mkdir()
    (folder / "train2017" / "000000000007.jpg").symlink_to(folder / "good.png")
    path = folder / rng.choice(["aokvqa_v1p0_train.json", "aokvqa_v1p0_val.json", "mine.json"])
    write_text(path, dump(rng, rows))
    return rng.choice([folder, path])


def write_tabmwp(rng: random.Random, rows: list[Row], folder: Path) -> Path:
    (folder / "tables").mkdir()
    for number in range(3):
        (folder / "tables" / f"{number}.png").symlink_to(folder / "good.png")
    problems: dict[str, Any] = {str(number): {**row, "choices": None} for number, row in enumerate(rows)}
    if rng.random() < 0.3:
        problems[rng.choice(["0", "9", "../0", "\0", "\ud800"])] = rng.choice([None, [], 5, rows[0]])
    path = folder / f"problems_{rng.choice(['train', 'dev', 'test'])}.json"
    write_text(path, rng.choice(ODD_FILES) if rng.random() < 0.1 else dump(rng, problems))
    return rng.choice([folder, path])


def write_saved(rng: random.Random, rows: list[Row], folder: Path) -> Path:
    """What `save_to_disk` writes, with or without splits."""
    target = folder / "saved"
    try:
        dataset = datasets.Dataset(arrow_table(rng, rows))
        if rng.random() < 0.5:
            dataset = datasets.DatasetDict(dict.fromkeys(rng.sample(["train", "val", "test", "dev"], 2), dataset))
        dataset.save_to_disk(str(target))
    except (ValueError, TypeError, NotImplementedError, pa.ArrowException):  # for columns that it cannot hold
        datasets.Dataset.from_dict({"id": ["0"]}).save_to_disk(str(target))
    return target


LAYOUTS: dict[str, Writer] = {
    **TABLES,
    "files of splits": write_splits,
    "image folder": write_image_folder,
    "ScienceQA": write_scienceqa,
    "A-OKVQA": write_aokvqa,
    "TabMWP": write_tabmwp,
    "saved": write_saved,
}


def damage(rng: random.Random, files: list[Path]) -> None:
    """What disks, transfers and people do to one of a data set's files."""
    path = rng.choice(sorted(files))
    content = path.read_bytes()
    kind = rng.choice(["cut", "flip", "flip", "append", "stranger", "folder", "loop", "gone"])
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "cut":
        path.write_bytes(content[: rng.randint(0, len(content))])
    elif kind == "flip":
        flipped = bytearray(content)
        for _ in range(min(len(content), rng.choice([1, 3, 20]))):
            flipped[rng.randrange(len(content))] = rng.randrange(256)
        path.write_bytes(flipped)
    elif kind == "append":
        path.write_bytes(content + rng.randbytes(20))
    elif kind == "stranger":
        path.write_bytes(rng.choice(STRANGERS))
