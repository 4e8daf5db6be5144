"""A seeded generator of prediction files that people and programs get wrong, and what evaluating one comes to."""

import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets

from mmcot.evaluation.files import evaluate_file
from mmcot.evaluation.predictions import read_predictions
from mmcot.evaluation.scores import evaluate


FILE, OTHER_FILE = "predictions.jsonl", "other.jsonl"
# How a refusal names its place: a line of one of the files, a file as a whole, or the column of `--by`.
PLACE = re.compile(r"(predictions|other)\.jsonl(, line \d+ | is empty)|no file .*predictions\.jsonl|to report by")
LONGEST_MESSAGE = 1000
IDS = ["7", "7#2", "8", "ü 9", "10.0", '<b>"1"</b>']
CHOICES = ["red", "a blue one", "(A)", "1.5"]
# Texts as models, people and attackers write them.
TEXTS = [
    *(
        "",
        " ",
        "The answer is (B).",
        "red",
        "(A) or (B)",
        "The answer is A, or B.",
        "The answer is (Z).",
        "answer is " * 50,
    ),
    *("It is red. So it is not blue.", "no full stop", "...", ". . .", "\n\n", "a\tb\x0bc\x1f", "\0", "NaN", "null"),
    *(
        "<script>alert(1)</script>",
        "</q></body>",
        '"><img src=x onerror=y>',
        "{{ 7 * 7 }}",
        "[x](javascript:y)",
        "| a |",
    ),
    *("数字は何ですか", "ما الرقم", "\u202egnp.exe", "💥" * 40, "ﷺ" * 60, "e\u0301" * 40, "\ufeff", "\u2028", "İ ẞ ﬀ"),
    *("(" * 300, "(a" * 300, "red " * 300, "a b " * 200, "x" * 3000, "\\" * 200, "-" * 400, "é " * 300),
]
HALF_CHARACTERS = ["\ud800", "a\udfffb", "\ude00\ud83d"]
# What stands in a row in place of a text, an index or an id, as JSON.
VALUES = [
    *("null", "true", "false", "0", "1", "3", "4", "-1", "1.0", "2.5", "-0.0", "1e3", "1e999", "NaN", "-Infinity"),
    *("99999999999999999999", "9" * 5000, '""', '"1"', '"B"', '"nan"', "[]", "[0]", "{}", '{"a": null}', '["red"]'),
    *(
        "[" * 50 + "]" * 50,
        "[" * 900 + "]" * 900,
        "[" * 100_000 + "]" * 100_000,
        '"\\ud83d"',
        '"\\u0000"',
        '" 7"',
        '"7 "',
        '"007"',
    ),
]
FIELDS = ["id", "choice_index", "answer_text", "rationale", "scores", "answer", "unparsed", "confidence"]


@dataclass
class Case:
    """A file of predictions.

    Args:
        content: its bytes; `None` if a folder stands in its place.
        other: bytes of a second file to compare with, if any.
        by: columns to report by.
    """

    content: bytes | None
    other: bytes | None = None
    by: list[str] = field(default_factory=list)


def make_dataset() -> datasets.Dataset:
    """Six labelled examples, the last without options; some of their columns have names that scores have, too."""
    count = len(IDS)
    columns = {
        "id": IDS,
        "question": ["Which?"] * count,
        "choices": [CHOICES] * (count - 1) + [[]],
        "answer": [position % len(CHOICES) for position in range(count - 1)] + [None],
        "accepted_answers": [[]] * (count - 1) + [["red", "1.5", *TEXTS[8:16]]],  # of ten people
        "hint": ["", "Look."] * (count // 2),
        "solution": ["It is red. The answer is (A).", "", "Blue, not red.", "One and a half is 1.5.", " ", "So (A)."],
        "topic": ["a", "b" * 5000, "<i>", "9" * 5000, "", "| x |"],
        "average": ["a", "b"] * (count // 2),
        "value": ["value", "low", "n"] * (count // 3),
    }
    return datasets.Dataset.from_dict(columns)


def make_case(seed: int) -> Case:
    """The same case for the same seed."""
    rng = random.Random(seed)
    return rng.choice(MAKERS)(rng)


def valid_row(rng: random.Random) -> dict:
    row: dict[str, Any] = {"id": rng.choice(IDS)}
    if row["id"] == IDS[-1]:
        row["answer_text"] = rng.choice(TEXTS)
        row |= {"choice_index": None} if rng.random() < 0.5 else {}
    elif rng.random() < 0.7:
        row["choice_index"] = rng.choice([0, 1, 2, 3, None])
    if "choice_index" not in row or rng.random() < 0.5:
        row["answer_text"] = rng.choice(TEXTS)
    if rng.random() < 0.7:
        row["rationale"] = rng.choice(TEXTS)
    return row


def valid_lines(rng: random.Random) -> list[str]:
    ascii_only = rng.random() < 0.5
    return [json.dumps(valid_row(rng), ensure_ascii=ascii_only) for _ in range(rng.randint(0, 8))]


def encode(lines: list[str], rng: random.Random) -> bytes:
    end = rng.choice(["\n", "\n", "\n", "\r\n", "\n\n", "\r"])
    return end.join([*lines, ""]).encode("utf-8", "surrogatepass")


def plain_file(rng: random.Random) -> Case:
    other = encode(valid_lines(rng), rng) if rng.random() < 0.3 else None
    by = rng.sample(["topic", "average", "value", "id", "hint", "answer"], rng.randint(0, 2))
    return Case(encode(valid_lines(rng), rng), other, by)


def bad_value(rng: random.Random) -> Case:
    """One field of one row holds what it must not, or at least need not."""
    lines = valid_lines(rng)
    row = valid_row(rng)
    row[rng.choice(FIELDS)] = "MARK"
    lines.insert(rng.randint(0, len(lines)), json.dumps(row).replace('"MARK"', rng.choice(VALUES)))
    return Case(encode(lines, rng))


def half_character(rng: random.Random) -> Case:
    """A text that is none, spelled as an escape or as bytes that UTF-8 forbids."""
    lines = valid_lines(rng)
    row = valid_row(rng)
    row[rng.choice(FIELDS)] = rng.choice(HALF_CHARACTERS)
    lines.append(json.dumps(row, ensure_ascii=rng.random() < 0.7))
    return Case(encode(lines, rng))


def odd_line(rng: random.Random) -> Case:
    """A line that is no object with an id."""
    lines = valid_lines(rng)
    odd = rng.choice(
        [
            *("[]", "[1, 2]", '"7"', "7", "null", "NaN", "{}", '{"id"}', '{"id": 7,}', "{'id': 7}", "id,choice_index"),
            *('{"id": "7"}', '{"ID": "7", "choice_index": 0}', '{"id": "7", "id": "8", "choice_index": 0}', "\0"),
            *('{"id": "7", "choice_index": 0} {"id": "8"}', "[" * 100_000, '{"id": ' * 50_000, "// no", "\ufeff{}"),
        ]
    )
    lines.insert(rng.randint(0, len(lines)), odd)
    return Case(encode(lines, rng))


def damaged_bytes(rng: random.Random) -> Case:
    """A good file cut off, with bytes changed, doubled or removed."""
    content = bytearray(encode([json.dumps(valid_row(rng)) for _ in range(6)], rng))
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(content))
        kind = rng.randrange(4)
        if kind == 0:
            del content[place:]
            content += b" "
        elif kind == 1:
            content[place] = rng.randrange(256)
        elif kind == 2:
            del content[place]
        else:
            content[place:place] = content[place : place + rng.randint(1, 40)]
    return Case(bytes(content))


def other_file(rng: random.Random) -> Case:
    """Something else in the place of the file."""
    rows = [valid_row(rng) for _ in range(3)]
    text = "\n".join(map(json.dumps, rows))
    return Case(
        rng.choice(
            [
                None,
                b"",
                b"\n\n",
                json.dumps(rows).encode(),
                json.dumps(rows, indent=1).encode(),
                json.dumps({"predictions": rows}).encode(),
                text.encode("utf-16"),
                text.encode("utf-32"),
                text.encode("utf-8-sig"),
                (text + "é").encode("latin-1"),
                b"id,choice_index\n7,0\n",
                b"\x1f\x8b\x08\x00" + rng.randbytes(200),
                b"PAR1" + rng.randbytes(200),
                b"\x89PNG\r\n\x1a\n" + rng.randbytes(200),
                rng.randbytes(rng.randint(1, 2000)),
                text.replace("\n", "").encode(),
            ]
        )
    )


def large(rng: random.Random) -> Case:
    """Texts, lines and files that are larger than anyone means them to be."""
    row = {"id": "7", "choice_index": 1}
    repeated = rng.choice(["the ", "a b ", "red. ", "It is red. ", "x", "(A) ", "\n", "word%d "])
    length = rng.choice([2000, 2000, 20_000, 200_000])
    text = "".join(repeated % n if "%d" in repeated else repeated for n in range(length // len(repeated)))
    if rng.random() < 0.7:
        row["rationale"] = text
    else:
        row = {"id": "7", "answer_text": text}
    lines = [json.dumps(row)]
    kind = rng.randrange(4)
    if kind == 0:
        lines = ['{"id": "7", "choice_index": 0, "attention": [' + "0.0, " * 3_000_000 + "0.0]}"]
    elif kind == 1:
        lines = [json.dumps({"id": str(number % 3000), "choice_index": 0}) for number in range(20_000)]
    return Case("\n".join(lines).encode())


def odd_ids(rng: random.Random) -> Case:
    """Ids of any kind: doubled, unknown, nearly right."""
    ids = [
        '"7"',
        "7",
        "7.0",
        '"7#2"',
        '"7#3"',
        '"8 "',
        "8",
        "-8",
        '"10.0"',
        "10.0",
        '"x\\ny"',
        '"' + "y" * 70_000 + '"',
    ]
    lines = ['{"choice_index": 1, "id": ' + rng.choice([*ids, *VALUES]) + "}" for _ in range(rng.randint(1, 5))]
    return Case(encode(lines, rng))


MAKERS: list[Callable[[random.Random], Case]] = [
    *[plain_file] * 3,
    *[bad_value] * 4,
    *[odd_line] * 2,
    *[damaged_bytes] * 2,
    *[odd_ids] * 2,
    half_character,
    other_file,
    large,
]


def outcome(case: Case, folder: Path, dataset: datasets.Dataset, with_report: bool) -> str:
    """What evaluating a case comes to: `scored`, `refused` in one line that names the place, or what is wrong.

    Args:
        folder: an empty one.
        dataset: see [`make_dataset`].
        with_report: write the report, too, which takes most of the time.
    """
    path = folder / FILE
    other = folder / OTHER_FILE
    report = folder / "report"
    if case.content is None:
        path.mkdir()
    else:
        path.write_bytes(case.content)
    if case.other is not None:
        other.write_bytes(case.other)
    try:
        if with_report:
            evaluate_file(path, dataset, report, case.by, compare_path=other if case.other is not None else None)
        else:
            json.dumps(evaluate(read_predictions(path), dataset, case.by), allow_nan=False)
    except (ValueError, OSError) as error:
        left = sorted(file.name for file in report.glob("*"))
        return f"refused, but leaves {left}" if left else judge(" ".join(str(error).split()))
    except Exception as error:  # whatever it is, it would end in a traceback
        return f"traceback {type(error).__name__}"
    return judge_report(report) if with_report else "scored"


def judge(message: str) -> str:
    """Whether a refusal is a short line that names the place."""
    if not message.isprintable():
        return "not printable"
    if len(message) > LONGEST_MESSAGE:
        return "long"
    return "refused" if PLACE.search(message) else f"nameless: {message[:100]}"


def judge_report(report: Path) -> str:
    """Whether scores and page were written whole, and the scores without NaN."""
    text = (report / "metrics.json").read_bytes().decode("utf-8")
    json.loads(text, parse_constant=lambda name: 1 / 0)
    page = (report / "report.html").read_bytes().decode("utf-8")
    return "scored" if page.rstrip().endswith("</html>") and "<script" not in page else "report is not whole"
