"""Predictions of this or any other system, read and laid beside the examples they answer."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..configuration.metrics import Kind
from ..data.image_column import has_image, without_images
from ..data.rows import shorten
from ..modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS, comparable, is_accepted
from ..modeling_mmcot.prompt_mmcot import HALF_CHARACTER
from ..modeling_mmcot.wording_mmcot import Wording
from .conclusions import conclusion


LONGEST_LINE = 10_000_000  # bytes
LONGEST_TEXT = 100_000  # characters
EXAMPLE = '{"id": "7", "choice_index": 0}'


@dataclass
class AnsweredExamples:
    """The examples of a data set, each with what was predicted for it.

    Args:
        examples: rows of the data set; instead of their images, `has_image`.
        guesses: for each example `{"given", "rationale", ...}`, or `None` where no prediction has its id. `given` is
            the position of the option, or the answer in words where there are no options; `None` for none. `rationale`
            is empty where there is none.
        unknown: ids of predictions for no example of the data set.
        duplicate: ids of predictions for an example that an earlier one had answered; the earlier one counts.
    """

    examples: list[dict[str, Any]]
    guesses: list[dict[str, Any] | None]
    unknown: list[str]
    duplicate: list[str]

    @property
    def right(self) -> np.ndarray:
        """`(examples,)`, boolean. No prediction, or one without an answer, is wrong."""
        pairs = zip(self.guesses, self.examples, strict=True)
        return np.array([guess is not None and is_right_answer(guess["given"], each) for guess, each in pairs], bool)

    @property
    def chosen(self) -> list[int | str | None]:
        """What each example got as its answer: the position of an option, or words as they are compared."""
        given = [None if guess is None else guess["given"] for guess in self.guesses]
        return [comparable(answer) if isinstance(answer, str) else answer for answer in given]

    @property
    def concluded(self) -> list[int | None]:
        """The option that the rationale of each example comes to; `None` for none."""
        pairs = zip(self.guesses, self.examples, strict=True)
        return [conclusion(guess["rationale"], example["choices"]) if guess else None for guess, example in pairs]

    @property
    def missing(self) -> list[str]:
        """Ids of the examples without prediction."""
        return [example["id"] for guess, example in zip(self.guesses, self.examples, strict=True) if guess is None]

    @property
    def unparsed(self) -> list[str]:
        """Ids of the examples whose prediction gives no answer."""
        return [
            example["id"]
            for guess, example in zip(self.guesses, self.examples, strict=True)
            if guess is not None and guess["given"] is None
        ]

    def of_kind(self, kind: Kind) -> "AnsweredExamples":
        """Those of the examples that are of a kind."""
        pairs = [pair for pair in zip(self.examples, self.guesses, strict=True) if kind.contains(pair[0])]
        return AnsweredExamples(
            [example for example, _ in pairs], [guess for _, guess in pairs], self.unknown, self.duplicate
        )


class ReadPrediction(dict[str, Any]):
    """A prediction from a file.

    Args:
        row: what the file says.
        place: file and line, for messages.
    """

    def __init__(self, row: Mapping[str, Any], place: str):
        super().__init__(row)
        self.place = place


def read_predictions(path: str | Path) -> list[ReadPrediction]:
    """Reads predictions from a file of JSON lines, see [`match_predictions`].

    Raises:
        ValueError: if there is no such file or it is empty, or for a line that is no JSON object with an `id`.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no file {path}; give predictions as JSON lines.")
    predictions = []
    with path.open("rb") as file:
        lines = iter(partial(file.readline, LONGEST_LINE + 1), b"")
        for number, line in enumerate(lines, 1):
            if line.strip():
                predictions.append(read_prediction(line, f"{path}, line {number}"))
    if not predictions:
        raise ValueError(f"{path} is empty; give predictions as JSON lines, such as {EXAMPLE}.")
    return predictions


def read_prediction(line: bytes, place: str) -> ReadPrediction:
    """One line of a predictions file; `place` is for messages."""
    if len(line) > LONGEST_LINE:
        raise ValueError(
            f"{place} has more than {LONGEST_LINE:,} bytes; give each prediction a short line of its own."
        )
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{place} is not UTF-8 text; give predictions as JSON lines, such as {EXAMPLE}.") from None
    except json.JSONDecodeError as error:
        reason = f"{error.msg} at character {error.pos + 1}"
        raise ValueError(f"{place} is not valid JSON: {reason}; give one object a line, such as {EXAMPLE}.") from None
    except (ValueError, RecursionError):
        raise ValueError(f"{place} holds a number too long or a list too deep to read; leave it out.") from None
    if not isinstance(row, dict) or row.get("id") is None:
        raise ValueError(f"{place} must be an object with an id, such as {EXAMPLE}.")
    return ReadPrediction(row, place)


def match_predictions(
    predictions: Sequence[Mapping[str, Any]], dataset: datasets.Dataset, kind: Kind | None = None
) -> AnsweredExamples:
    """Lays predictions beside the examples with the same id; ids are compared as text.

    Args:
        predictions: rows with `id`, with `choice_index` (from 0; `None` for no option) or else `answer_text`, which
            the option is read from, and optionally with `rationale`. Where an example has no options, the answer in
            words is read from `answer_text`.
        dataset: examples with their labels.
        kind: of the examples to give; by default all.

    Raises:
        ValueError: for a data set without labels or with an id twice, a prediction that is none, or none that is for
            this data set; it names the place.
    """
    examples = labelled_examples(dataset)
    known = {example["id"] for example in examples}
    found: dict[str, Mapping[str, Any]] = {}
    duplicate = []
    for prediction in predictions:
        identifier = read_id(prediction)
        if identifier in found:
            duplicate.append(identifier)
        else:
            found[identifier] = prediction
    if found and known.isdisjoint(found):
        first_ids = f"the first id is {shorten(next(iter(found)))}, that of the data set {shorten(examples[0]['id'])}"
        raise ValueError(
            f"{prediction_place(predictions[0])} and all others are for no problem of this data set: {first_ids}. "
            "Name the data set and split that were predicted."
        )
    guesses = [
        read_guess(found[example["id"]], example["choices"]) if example["id"] in found else None
        for example in examples
    ]
    answered = AnsweredExamples(examples, guesses, [name for name in found if name not in known], duplicate)
    return answered if kind is None else answered.of_kind(kind)


def is_right_answer(given: int | str | None, example: Mapping[str, Any]) -> bool:
    """Whether an answer, see [`AnsweredExamples`], is the label of an example, or one of its accepted answers."""
    if example["choices"]:
        return given == example["answer"]
    return isinstance(given, str) and is_accepted(given, example[ACCEPTED_ANSWERS])


def labelled_examples(dataset: datasets.Dataset) -> list[dict[str, Any]]:
    """The rows without their images, but with the word whether they have one, and with their ids as text.

    Raises:
        ValueError: for no examples at all, or one without right answer.
    """
    if not len(dataset):
        raise ValueError("The data set holds no problem to score; choose a split that has some.")
    examples = without_images(dataset).to_list()
    for example, pictured in zip(examples, has_image(dataset), strict=True):
        if example.get("answer") is None and not example.get(ACCEPTED_ANSWERS):
            raise ValueError(
                f"Problem {example['id']!r} has no right answer: this split carries no labels. Use one that does."
            )
        example["id"] = str(example["id"])
        example["has_image"] = pictured
    counts = Counter(example["id"] for example in examples)
    identifier, count = counts.most_common(1)[0]
    if count > 1:
        raise ValueError(
            f"The data set holds {count} problems with the id {shorten(identifier)}, and predictions find theirs by "
            "the id; give each an id of its own."
        )
    return examples


def prediction_place(prediction: Mapping[str, Any]) -> str:
    """How messages name a prediction: by file and line, or by its id where it came from no file."""
    if isinstance(prediction, ReadPrediction):
        return prediction.place
    return f"The prediction for {shorten(str(prediction['id']))}"


def read_id(prediction: Mapping[str, Any]) -> str:
    """The id as text."""
    identifier = prediction["id"]
    if isinstance(identifier, bool) or not isinstance(identifier, (str, Integral)):
        raise ValueError(
            f"{prediction_place(prediction)} has the id {shorten(identifier)}; use a text or a whole number."
        )
    identifier = str(identifier)
    check_text(identifier, f"{prediction_place(prediction)} has an id")
    return identifier


def read_guess(prediction: Mapping[str, Any], choices: Sequence[str]) -> dict[str, Any]:
    """`given`, `rationale`, `answer_text` and `confidence` of a prediction, see [`AnsweredExamples`]."""
    place = prediction_place(prediction)
    rationale = prediction.get("rationale") or ""
    answer_text = prediction.get("answer_text")
    check_text(rationale, f"{place} has a rationale")
    if answer_text is not None:
        check_text(answer_text, f"{place} has an answer_text")
    return {
        "given": read_given(prediction, answer_text, choices, place),
        "rationale": rationale.strip(),
        "answer_text": answer_text,
        "confidence": read_confidence(prediction.get("confidence"), place),
    }


def read_given(
    prediction: Mapping[str, Any], answer_text: str | None, choices: Sequence[str], place: str
) -> int | str | None:
    """The answer of a prediction: the position of an option, or words where there are none."""
    index = prediction.get("choice_index")
    if index is not None and (type(index) is not int or not 0 <= index < len(choices)):
        remedy = (
            f"use 0 to {len(choices) - 1}, or null for none" if choices else "its problem has no options, use null"
        )
        raise ValueError(f"{place} has choice_index {shorten(index)}; {remedy}.")
    if choices and "choice_index" in prediction:
        return index
    if answer_text is None:
        remedy = "choice_index (a number) or answer_text (a text)" if choices else "answer_text (a text)"
        raise ValueError(f"{place} has no answer; give it {remedy}.")
    return Wording().parse_given(answer_text, choices)


def read_confidence(value: Any, place: str) -> float | None:
    """The confidence of a prediction, if it has one."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{place} has the confidence {shorten(value)}; use a number from 0 to 1, or leave it out.")
    return float(value)


def check_text(text: Any, subject: str) -> None:
    """Refuses what is no text, or one that cannot be scored; `subject` begins the message."""
    if not isinstance(text, str):
        raise ValueError(f"{subject} that is no text: {shorten(text)}. Write a text.")
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"{subject} of {len(text):,} characters. At most {LONGEST_TEXT:,} are read; shorten it.")
    if HALF_CHARACTER.search(text):
        raise ValueError(f"{subject} that holds half a character (a lone surrogate). Write the text again.")
