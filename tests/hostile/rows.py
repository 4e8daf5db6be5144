"""A seeded generator of data sets that people and programs get wrong, and what loading one comes to."""

import io
import json
import math
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
from PIL import Image

from mmcot.configuration import DataArguments
from mmcot.data import Data, load_data
from mmcot.data.rows import RowError

from .row_layouts import DEEP, LAYOUTS, Row, damage, write_text


LONGEST_LINE = 1500
FIELDS = ("id", "question", "choices", "answer", "hint", "lecture", "solution", "image", "split", "caption")
# Columns that training makes: what is read from a file under these names would be taken for its own.
OUR_NAMES = ("prompt_length", "prompt_stage", "generated_rationale", "image_hashes")
ODD_NAMES = (
    *("", " ", "a.b", "a\0b", "\ud800", "id ", "ID", "x" * 300, "__index_level_0__", "label", "row", "é"),
    *("caption", "file_name", "file_names"),
)
IDS = ("0", "1", 1, 1.0, True, "1#2", "0#2", "1#3", " 1", "1 ", "#2", "1#")
SPLITS = (
    "train",
    "val",
    "test",
    "dev",
    "valid",
    "Train",
    "",
    "../x",
    "a b",
    "train.1",
    "é",
    "x" * 300,
    "\0",
    "a\ud800",
)
NUMBERS = (0, 1, -1, 2, 7, 2**31, 2**63, 2**64, -(2**70), 10**300, 0.5, -0.0, 1e308, math.nan, math.inf, -math.inf)
TEXTS = (
    *("", " ", "\0", "a\0b", "\ud800", "a\udfff", "\u2028", "\x85", "\ufeff", "\x1b[31m", "💥", "ünïcödé", "猫"),
    *("-1", "0", "1", "01", "1.0", "1e3", "A", "(B)", "b.", "ZZ", "true", "NaN", "null", "[", "[]", '["a"]', "{}"),
    *('["a", "b"]', "'", '"', "a,b", "a\tb", "a\r\nb", "<b>", "$(ls)", "%s", "{0}", "x" * 300, "9" * 5000),
    *("x" * 140_000, "[" * DEEP, "[" * 700 + "]" * 700),
)
IMAGES = (
    *("good.png", "cut.png", "empty.png", "text.png", "none.png", "loop.png", "fifo", "folder", "folder/", ".", ".."),
    *("./good.png", "../good.png", "folder/../good.png", "/etc/passwd", "/dev/zero", "~", "~/x.png", "C:\\x.png"),
    *("good.png\0", "\0", "\ud800.png", "good\n.png", "good.png ", "GOOD.PNG", "x" * 300 + ".png", "a/" * 3000),
    *("http://localhost:1/x.png", "https://", "://", "file:///x.png", "data:image/png;base64,AAAA"),
)
STORED = (
    *({"bytes": None, "path": None}, {"bytes": "x", "path": None}, {"bytes": None, "path": 5}, {"path": "good.png"}),
    *({"bytes": 5}, {"bytes": [1, 2]}, {"path": ["good.png"]}, {"bytes": None, "path": "\0"}, {}),
)


def nest(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


NESTED = (
    *(None, [], [None], ["a"], ["a", "b"], ["a", None], [["a"]], [1, 2], [True, False], [math.nan, "b"], {}, {"a": 1}),
    *(nest(200), [nest(600), "b"]),
)


@dataclass
class Case:
    """A data set on the disk.

    Args:
        layout: which one.
        spec: where it is.
        arguments: of its reading.
    """

    layout: str
    spec: str
    arguments: dict[str, Any] = field(default_factory=dict)


def make_case(seed: int, folder: Path) -> Case:
    """Writes a data set into an empty folder, the same one for the same seed."""
    rng = random.Random(seed)
    layout = rng.choice(list(LAYOUTS))
    write_images(folder)
    strangers = set(folder.iterdir())
    spec = LAYOUTS[layout](rng, make_rows(rng), folder)
    if rng.random() < 0.3:
        files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        damage(rng, [path for path in files if path not in strangers])
    return Case(layout, str(spec), make_arguments(rng, folder))


def write_images(folder: Path) -> None:
    """An image, and what is none."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((9, 9)).save(buffer, "PNG")
    content = buffer.getvalue()
    files = {"good.png": content, "cut.png": content[:-30], "empty.png": b"", "text.png": b"not a picture"}
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "folder").mkdir()
    (folder / "loop.png").symlink_to("loop.png")
    os.mkfifo(folder / "fifo")


def make_rows(rng: random.Random) -> list[Row]:
    """Some rows, mostly a good one first, and then with something wrong."""
    rows = [good_row(rng, number) for number in range(rng.randint(1, 5))]
    for row in rows[rng.choice([0, 1, 1, 1]) :]:
        for _ in range(rng.choice([0, 1, 1, 2])):
            spoil(rng, row)
    return rows


def good_row(rng: random.Random, number: int) -> Row:
    row = {"id": str(number), "question": "What?", "choices": ["red", "blue"], "answer": number % 2, "hint": "Look."}
    if rng.random() < 0.15:  # without options
        row["choices"] = rng.choice([None, [], "", "[]"])
        row["answer"] = rng.choice(["42", 42, 4.5, ["42", "forty two"], '["42", "43"]', None])
    row["solution"] = rng.choice(["So.", ["So.", "Thus."], None])
    row["image"] = rng.choice([None, "good.png", ["good.png", "good.png"]])
    return row


def spoil(rng: random.Random, row: Row) -> None:
    """Something that a row should not have, or nothing where it should have something."""
    name = rng.choice(FIELDS)
    if rng.random() < 0.15:
        name = rng.choice(rng.choice([ODD_NAMES, ODD_NAMES, OUR_NAMES]))
    values = rng.choice([NESTED, NUMBERS, TEXTS])
    own = {"image": rng.choice([IMAGES, STORED]), "split": SPLITS, "id": IDS}
    if name in own and rng.random() < 0.7:
        values = own[name]
    if rng.random() < 0.1:
        row.pop(name, None)
    else:
        row[name] = rng.choice(values)


def make_arguments(rng: random.Random, folder: Path) -> dict[str, Any]:
    """How it is read: mostly plainly, sometimes with captions and renamed columns."""
    arguments: dict[str, Any] = {"on_error": rng.choice(["raise", "skip", "skip"])}
    if rng.random() < 0.05:
        arguments["columns"] = {rng.choice(FIELDS): rng.choice([*FIELDS, *OUR_NAMES, *ODD_NAMES])}
    if rng.random() < 0.05:
        content = [{"0": "A cat."}, {"captions": {"1": ["A", "cat."]}}, {"0": 5}, [1], {"0": "\ud800"}, {"1": "\0"}]
        write_text(folder / "captions.txt", rng.choice([json.dumps(rng.choice(content)), "{", "", "[" * DEEP]))
        arguments["captions"] = str(folder / rng.choice(["captions.txt", "captions.txt", "folder"]))
    if rng.random() < 0.1:
        arguments["images"] = str(folder)
    if rng.random() < 0.5:
        arguments["rationales"] = rng.choice(["first", "first", "all"])
    return arguments


def outcome(case: Case) -> str:
    """What loading a case comes to: `examples`, `refused`, or else what is wrong with it."""
    try:
        data = load_data(case.spec, DataArguments(**case.arguments))
        faults = [find_bad_example(split, dataset) for split, dataset in data.splits.items()]
        lines = [str(RowError(**entry)) for entry in data.skipped]
        result = "examples"
    except (ValueError, OSError, ImportError) as error:
        if isinstance(error, OSError) and error.strerror:
            return f"without remedy: {error!r:.300}"
        faults, lines, result = [], [" ".join(str(error).split())], "refused"
    except Exception as error:
        return f"traceback: {type(error).__name__}: {str(error):.300}"
    for line in lines:
        if os.path.dirname(case.spec) not in line or len(line) > LONGEST_LINE or not line.isprintable():
            return f"nameless: {line:.300}"
    if result == "examples" and not counts_agree(case, data):
        return f"rows lost: {len(data.skipped)} were skipped, and examples are {data.splits!r:.200}"
    return next((f"bad example: {fault}" for fault in faults if fault), result)


def find_bad_example(split: str, dataset: datasets.Dataset) -> str | None:
    """What training could not use of a split that was loaded."""
    if set(dataset.column_names) & set(OUR_NAMES):
        return f"{split} has columns {dataset.column_names}"
    ids = dataset["id"][:]
    if len(set(ids)) < len(ids):
        return f"{split} has an id twice, among {ids!r:.100}"
    for row in dataset:
        options, answer = row["choices"], row["answer"]
        if not row["question"].strip() or len(options) == 1 or answer not in (None, *range(len(options))):
            return f"{row!r:.200}"
        if not options and not all(text.strip() for text in row["accepted_answers"]):
            return f"accepted answers {row['accepted_answers']!r:.100}"
        json.dumps(row | {"image": None}, ensure_ascii=False).encode()
    return None


def counts_agree(case: Case, data: Data) -> bool:
    """Whether each row is an example or was skipped, where rows can be counted in a way of their own."""
    if case.arguments.get("rationales") != "first":
        return True
    path = Path(case.spec)
    found = len(data.skipped) + sum(map(len, data.splits.values()))
    if case.layout == "jsonl":
        return found == sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))
    if case.layout == "parquet":
        return found == pq.ParquetFile(path).metadata.num_rows
    return True
