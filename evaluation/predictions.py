"""Predictions of this or any other system, read and laid beside the examples they answer."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets
import numpy as np

from ..data.image_column import has_image, without_images
from ..modeling_mmcot import MMCoTProcessor


@dataclass
class AnsweredExamples:
    """The examples of a data set, each with what was predicted for it.

    Args:
        examples: rows of the data set; instead of their images, `has_image`.
        guesses: for each example `{"choice_index", "rationale", ...}`, or `None` where no prediction has its id.
            `choice_index` is `None` where the answer names no option, `rationale` is empty where there is none.
        unknown: ids of predictions for no example of the data set.
        duplicate: ids of predictions for an example that an earlier one had answered; the earlier one counts.
    """

    examples: list[dict[str, Any]]
    guesses: list[dict[str, Any] | None]
    unknown: list[str]
    duplicate: list[str]

    @property
    def right(self) -> np.ndarray:
        """`(examples,)`, boolean. No prediction, or one that names no option, is wrong."""
        return np.array(
            [
                guess is not None and guess["choice_index"] == example["answer"]
                for guess, example in zip(self.guesses, self.examples, strict=True)
            ],
            dtype=bool,
        )

    @property
    def missing(self) -> list[str]:
        """Ids of the examples without prediction."""
        return [example["id"] for guess, example in zip(self.guesses, self.examples, strict=True) if guess is None]

    @property
    def unparsed(self) -> list[str]:
        """Ids of the examples whose prediction names no option."""
        return [
            example["id"]
            for guess, example in zip(self.guesses, self.examples, strict=True)
            if guess is not None and guess["choice_index"] is None
        ]


def read_predictions(path: str | Path) -> list[dict[str, Any]]:
    """Reads predictions from a file of JSON lines, see [`match_predictions`].

    Raises:
        ValueError: if there is no such file, or for a line that is no JSON object with an `id`.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"There is no file {path}; give predictions as JSON lines.")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8 text; give predictions as JSON lines.") from None
    return [read_prediction(line, f"{path}, line {number}") for number, line in enumerate(lines, 1) if line.strip()]


def read_prediction(line: str, place: str) -> dict[str, Any]:
    """One line of a predictions file; `place` is for messages."""
    try:
        prediction = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{place} is not valid JSON: {error}.") from None
    if not isinstance(prediction, dict) or prediction.get("id") is None:
        raise ValueError(f'{place} must be an object with an id, such as {{"id": "7", "choice_index": 0}}.')
    return prediction


def match_predictions(predictions: Sequence[Mapping[str, Any]], dataset: datasets.Dataset) -> AnsweredExamples:
    """Lays predictions beside the examples with the same id; ids are compared as text.

    Args:
        predictions: rows with `id`, with `choice_index` (from 0; `None` for no option) or else `answer_text`, which
            the option is read from, and optionally with `rationale`.
        dataset: examples with their labels.

    Raises:
        ValueError: for a data set without labels, or a prediction that is none; it names the id.
    """
    examples = labelled_examples(dataset)
    known = {example["id"] for example in examples}
    found: dict[str, Mapping[str, Any]] = {}
    duplicate = []
    for prediction in predictions:
        identifier = str(prediction["id"])
        if identifier in found:
            duplicate.append(identifier)
        else:
            found[identifier] = prediction
    guesses = [
        read_guess(found[example["id"]], example["choices"]) if example["id"] in found else None
        for example in examples
    ]
    return AnsweredExamples(examples, guesses, [name for name in found if name not in known], duplicate)


def labelled_examples(dataset: datasets.Dataset) -> list[dict[str, Any]]:
    """The rows without their images, but with the word whether they have one, and with their ids as text.

    Raises:
        ValueError: for no examples at all, or one without right answer.
    """
    if not len(dataset):
        raise ValueError("The data set holds no problem to score; choose a split that has some.")
    examples = without_images(dataset).to_list()
    for example, pictured in zip(examples, has_image(dataset), strict=True):
        if example.get("answer") is None:
            raise ValueError(
                f"Problem {example['id']!r} has no right answer: this split carries no labels. Use one that does."
            )
        example["id"] = str(example["id"])
        example["has_image"] = pictured
    return examples


def read_guess(prediction: Mapping[str, Any], choices: Sequence[str]) -> dict[str, Any]:
    """A prediction with the index of the option it names."""
    place = f"The prediction for {str(prediction['id'])!r}"
    if "choice_index" in prediction:
        index = prediction["choice_index"]
        if index is not None and (type(index) is not int or not 0 <= index < len(choices)):
            raise ValueError(f"{place} has choice_index {index!r}; use 0 to {len(choices) - 1}, or null for none.")
    elif isinstance(prediction.get("answer_text"), str):
        index = MMCoTProcessor.parse_answer(prediction["answer_text"], choices)
    else:
        raise ValueError(f"{place} has no answer; give it choice_index (a number) or answer_text (a text).")
    rationale = prediction.get("rationale") or ""
    if not isinstance(rationale, str):
        raise ValueError(f"{place} has a rationale that is no text: {rationale!r}.")
    return {**prediction, "choice_index": index, "rationale": rationale.strip()}
