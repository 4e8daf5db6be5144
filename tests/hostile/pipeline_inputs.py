"""A seeded generator of what callers hand to the pipeline, right or wrong, and what asking it comes to."""

import json
import random
from collections import OrderedDict, UserDict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import datasets
import numpy as np
import pandas as pd
import torch
from PIL import Image
from transformers import GenerationConfig

from mmcot import MMCoTPipeline
from mmcot.modeling_mmcot.settings_mmcot import GENERATE_KEYWORDS

from .pictures import CELLS, nested
from .pictures import TEXTS as PICTURE_TEXTS


LONGEST_LINE = 500
FIELDS = ("question", "choices", "image", "context", "hint", "caption", "rationale")
OUTPUTS = {
    *("rationale", "answer", "choice", "choice_index", "answer_text", "scores", "parsed", "confidence", "reason"),
}
FURTHER = {"agreement", "prompts", "texts", "explanation"}  # where they were asked for
RED = Image.new("RGB", (16, 16), "red")


class Unprintable:
    """Somebody's object that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no text for this")


def question(number: int = 0) -> dict[str, Any]:
    return {"question": f"Which colour has ball {number}?", "choices": ["red", "blue", "green"][: 2 + number % 2]}


def allow_one(*_: Any) -> list[int]:
    return [1]


# Pictures that can be read, one or more, or none.
PICTURES: list[Any] = [
    *(None, RED, Image.new("L", (40, 9)), [RED, RED, RED], (RED,), [], np.asarray(RED), torch.zeros(3, 8, 9)),
    *([None, RED], Image.new("1", (1, 1))),
]
TEXTS = [
    *("", " ", "\n\n", "\0", "a\0b", "\ud800", "a\udfff", "\u2028", "\ufeff", "\x1b[31m", "💥" * 40, "ünïcödé"),
    *("猫" * 200, "N/A", "nan", "None", "[]", "(A)", "Answer:", "Solution:", "</s>", "<pad>", "<unk>"),
    *("<extra_id_0>", "The answer is (Z).", "x" * 3000, "a b " * 3000, "(" * 500, "{question}", "{{ 7 * 7 }}", "%s"),
    *("<image>", "e\u0301" * 99, "\u202egnp", "-"),
]
OPTIONS: list[Any] = [
    *(["a"], [""], ["", ""], ["a", "a"], ("a", "b"), "ab", [], ["a", None], ["a", 1], [1, 2], [["a"], ["b"]]),
    *({"a": 1}, {"a", "b"}, np.array(["a", "b"]), np.array(["a", "b"], object), pd.Series(["a", "b"]), deque("ab")),
    *([f"number {n}" for n in range(150)], ["x"] * 5000, ["y " * 9000, "z"], np.array([["a", "b"]])),
    *(np.array("a"), {"text": ["a", "b"], "label": ["A", "B"]}, "a,b", json.dumps(["a", "b"]), [b"a", b"b"]),
    *(["\ud800", "b"], ["a" * 50_000, "b"]),
]
# What tables and mistakes put into a cell of any kind.
OTHERS: list[Any] = [
    *CELLS,
    *(pd.NA, pd.NaT, 10**5000, float("inf"), b"bytes", {}, {"a": {}}, nested(900), np.str_("text"), torch.tensor(1)),
    *(Exception("x"), Unprintable(), ["a"], [None], {"question": "Which?"}, "x" * 50_000, np.array("a")),
]
ODD_KEYS = [
    *("Question", "questions", "choice", "images", "img", "contxt", "rationales", "", " ", "image ", "\0", "\ud800"),
    *("x" * 9999, 5, None, True, ("a",), b"question", float("nan"), "id", "answer", "solution", "lecture", "role"),
    *("content", "text"),
]
WHOLE: list[Any] = [
    *(5, "Which?", b"Which?", float("nan"), [], (), {}, [[]], [None], [{}], "", [5], ["a", "b"], {1, 2}, RED),
    *(np.zeros(3), torch.zeros(2), np.array(1), object(), print, nested(3000), [[question()]]),
    *([{"role": "user", "content": "Which?"}], [[{"role": "user", "content": "a"}]]),
    *({"role": "user", "content": "Which?"}, {"question": ["a", "b"], "choices": [["c"], ["d"]]}, 1j),
    *(pd.DataFrame([question()]), pd.Series(question()), [question(), 5], range(2), {}.keys()),
    *([question(), [question()]], {"a": question()}, [(question(), RED)], json.dumps(question())),
]
# Values of settings, in place of numbers, words and objects.
VALUES: list[Any] = [
    *(0, 1, 2, 3, -1, 0.5, 1.5, -0.0, 10**9, True, False, None, "", "x", "3", "static", [], {}, float("nan")),
    *(float("inf"), 10**30, [1, 2], [[1]], [[]], ["a"], np.int64(2), torch.tensor(2), object(), (1, 2), {"a": 1}),
    *(2**31, RED, [-1], [10**9], {(1,): 2.0}, allow_one, GenerationConfig(num_beams=2), "a" * 5000, nested(3000)),
    *(Unprintable(), "a\nb\ud800", b"x", GenerationConfig()),
]
# Settings that people use, which get most of the values.
USUAL = [
    *("max_new_tokens", "max_length", "min_new_tokens", "num_beams", "do_sample", "temperature", "top_k", "top_p"),
    *("use_cache", "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "stop_strings"),
    *("generation_config", "early_stopping", "bad_words_ids", "max_time", "batch_size", "num_workers"),
    *("generate_kwargs", "num_return_sequences", "eos_token_id"),
    *("num_samples", "abstain_below", "return_all", "on_error", "rationale_kwargs", "answer_kwargs"),
    "explain",
]
UNKNOWN = ["max_new_token", "x", "images", "input_ids", "pixel_values", "encoder_outputs", "labels", "timeout"]


@dataclass
class Case:
    """A call of the pipeline.

    Args:
        inputs: as the first argument; nothing where the question comes as keywords.
        keywords: of the call.
        rows: of several inputs their number; of one `None`.
        streamed: whether the answer is asked for in pieces.
    """

    inputs: Any
    keywords: dict[str, Any] = field(default_factory=dict)
    rows: int | None = None
    streamed: bool = False


def make_case(seed: int) -> Case:
    """The same case for the same seed."""
    rng = random.Random(seed)
    case = rng.choice(MAKERS)(rng)
    case.streamed = case.rows is None and rng.random() < 0.1
    return case


def good_row(rng: random.Random) -> dict[str, Any]:
    row = question(rng.randrange(9))
    if rng.random() < 0.2:
        row["choices"] = rng.choice([None, [], (), float("nan"), np.array([], object)])
    if rng.random() < 0.6:
        row["image"] = rng.choice(PICTURES)
    if rng.random() < 0.3:
        row[rng.choice(["context", "hint", "caption"])] = rng.choice(["Look at the ball.", "", None, float("nan")])
    if rng.random() < 0.3:
        row["rationale"] = rng.choice(["The ball is red.", "", None, float("nan")])
    return row


def odd_row(rng: random.Random) -> Any:
    """A question with something wrong in it, or something that only looks so."""
    row: dict[Any, Any] = good_row(rng)
    for _ in range(rng.choice([1, 1, 2])):
        name = rng.choice(FIELDS)
        own = {"choices": OPTIONS, "image": [*PICTURES, *PICTURE_TEXTS]}
        kind = rng.random()
        if kind < 0.1:
            row.pop(name, None)
        elif kind < 0.2:
            row[rng.choice(ODD_KEYS)] = row.pop(name, 1)
        elif name in own and kind < 0.7:
            row[name] = rng.choice(own[name])
        else:
            row[name] = rng.choice(TEXTS) if kind < 0.7 else rng.choice(OTHERS)
    return row


def one_good(rng: random.Random) -> Case:
    row = good_row(rng)
    kinds: list[Callable[[Any], Any]] = [dict, OrderedDict, UserDict, MappingProxyType]
    return Case(rng.choice(kinds)(row))


def one_odd(rng: random.Random) -> Case:
    return Case(odd_row(rng))


def as_keywords(rng: random.Random) -> Case:
    row = odd_row(rng) if rng.random() < 0.7 else good_row(rng)
    inputs = rng.choice([None, None, None, question(), []])
    return Case(inputs, {str(name): value for name, value in row.items()})


def many(rng: random.Random) -> Case:
    """Rows of any kind together, in any container, in batches of any size."""
    rows = [good_row(rng) for _ in range(rng.randint(1, 4))]
    if rng.random() < 0.5:
        rows[rng.randrange(len(rows))] = odd_row(rng)
    kinds: list[Callable[[Any], Any]] = [list, list, tuple, iter, deque, generate]
    keywords = {"batch_size": rng.randint(1, 5)} if rng.random() < 0.7 else {}
    return Case(rng.choice(kinds)(rows), keywords, len(rows))


def generate(rows: list[Any]) -> Iterator[Any]:
    yield from rows


def table(rng: random.Random) -> Case:
    """What tables give as rows."""
    rows = [question(number) for number in range(rng.randint(1, 3))]
    rows[0]["image"] = RED
    rows[0]["context"] = "Look."
    frame = pd.DataFrame(rows)
    kinds: list[Callable[[], Any]] = [
        lambda: datasets.Dataset.from_list([{**row, "image": None} for row in rows]),
        lambda: frame.to_dict("records"),
        lambda: frame.convert_dtypes().to_dict("records"),
        lambda: [row for _, row in frame.iterrows()],
        lambda: frame,
        lambda: [dict(row) for _, row in frame.iterrows()],
    ]
    return Case(rng.choice(kinds)(), rows=len(rows))


def whole(rng: random.Random) -> Case:
    return Case(rng.choice(WHOLE))


def settings(rng: random.Random) -> Case:
    """A good question, and settings of the call that are right or wrong."""
    keywords = {}
    for _ in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(rng.choice([USUAL, USUAL, GENERATE_KEYWORDS, UNKNOWN]))
        keywords[name] = rng.choice(VALUES)
        if callable(keywords[name]) and name == "custom_generate":
            del keywords[name]  # what a function of the caller's own does wrong is its own affair
            continue
        if name.endswith("_kwargs") and rng.random() < 0.7:
            keywords[name] = {rng.choice([*USUAL, *UNKNOWN]): rng.choice(VALUES)}
        if name == "num_workers" and keywords[name] in (1, 2, 3):
            del keywords[name]  # processes are not what is tried here
    if rng.random() < 0.3:
        return Case([good_row(rng), good_row(rng)], keywords, 2)
    return Case(good_row(rng), keywords)


MAKERS: list[Callable[[random.Random], Case]] = [
    one_good,
    *[one_odd] * 6,
    *[as_keywords] * 2,
    *[many] * 3,
    *[settings] * 5,
    table,
    whole,
]


def outcome(case: Case, pipe: MMCoTPipeline) -> str:
    """What asking comes to: `answered`, `refused` in one line that says what to do, or what is wrong."""
    keywords = {"max_new_tokens": 3, **case.keywords}
    try:
        *pieces, answers = pipe.stream(case.inputs, **keywords) if case.streamed else [pipe(case.inputs, **keywords)]
        if not all(isinstance(piece, str) for piece in pieces):
            return f"pieces are {pieces!r:.200}"
        found = [answers] if isinstance(answers, Mapping) else list(answers)
    except ValueError as error:
        return judge(str(error)) if type(error) is ValueError else f"traceback {type(error).__name__}: {error!s:.200}"
    except Exception as error:  # whatever it is, it would end in a traceback
        return f"traceback {type(error).__name__}: {error!s:.200}"
    if case.rows is not None and len(found) != case.rows:
        return f"{len(found)} answers to {case.rows} questions"
    return next((fault for fault in map(find_fault, found) if fault), "answered")


def find_fault(answer: dict[str, Any]) -> str | None:
    """What is wrong with an answer."""
    explanation = answer.get("explanation")
    if explanation is not None and not all(np.isfinite(heat).all() for heat in explanation.maps):
        return f"explained as {explanation!r:.200}"
    json.dumps({name: value for name, value in answer.items() if name != "explanation"}, allow_nan=False)
    if answer.keys() == {"error"}:
        return judge(answer["error"]) if judge(answer["error"]) != "refused" else None
    scores = answer["scores"]
    if answer.keys() - FURTHER != OUTPUTS:
        return f"is {answer!r:.200}"
    if scores is None:  # of a question without options
        return find_fault_in_words(answer)
    if abs(sum(scores) - 1) > 1e-4 or min(scores) < 0:
        return f"is {answer!r:.200}"
    if answer["confidence"] is not None and not 0 <= answer["confidence"] <= 1:
        return f"is {answer!r:.200}"
    is_empty = answer["answer"] is answer["choice"] is answer["choice_index"] is None
    if is_empty != (answer["reason"] is not None):
        return f"answered or not? {answer!r:.200}"
    return f"parsed or not? {answer!r:.200}" if not answer["parsed"] and not is_empty else None


def find_fault_in_words(answer: dict[str, Any]) -> str | None:
    """What is wrong with an answer to a question without options."""
    given = answer["answer"]
    is_fine = (given is None) == (answer["reason"] is not None) and (given is None or answer["parsed"])
    is_fine &= given is None or isinstance(given, str) and given == given.strip() != ""
    chosen = (answer["choice"], answer["choice_index"])
    return None if is_fine and chosen == (None, None) else f"in words? {answer!r:.200}"


def judge(message: str) -> str:
    """Whether a refusal is one line of bounded length that says what to do."""
    if not message.isprintable():
        return f"not one line: {message:.200}"
    if len(message) > LONGEST_LINE:
        return f"long: {message:.200}"
    says_what = any(words in message for words in ("; ", " needs ", ", not ", " may be ", "give "))
    return "refused" if says_what else f"nameless: {message:.200}"
