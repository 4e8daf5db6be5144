"""The problem that a card shows: one of those that the run was scored on, and what the models made of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from ..configuration.repository import EXAMPLE_PICTURE
from ..data.image_column import as_list, stored_images, without_images
from ..evaluation.predictions import is_right_answer
from ..modeling_mmcot.images_mmcot import to_rgb


# Pixels of a side: what an image encoder reads has fewer, and the picture is for everybody who opens the card.
LARGEST_SIDE = 1024


def choose_example(
    scored: datasets.Dataset, predictions: Sequence[Mapping[str, Any]], sees: bool, folder: Path
) -> dict[str, Any] | None:
    """The first problem that was answered right, or else the first; of a model with eyes one with a single picture,
    which is saved into the folder, unless there are only others without.

    Args:
        scored: the problems.
        predictions: what the models made of each, in the same order.
        sees: whether they look at pictures.
        folder: of the run.

    Returns:
        `id`, `question`, `choices`, `context` and `caption` where it has them, whether it has a `picture`, and of its
        prediction `rationale` and `choice`, the answer in words; nothing where each problem has several pictures.
    """
    pictures = [len(as_list(stored)) if sees else 0 for stored in stored_images(scored)]
    wanted = next((number for number in (1, 0) if number in pictures), None)
    rows = [row for row, number in enumerate(pictures) if number == wanted]
    if not rows:
        return None
    labelled = without_images(scored)
    row = next((row for row in rows if is_right_answer(given_by(predictions[row]), labelled[row])), rows[0])
    example, prediction = scored[row], predictions[row]
    if wanted:
        picture = to_rgb(as_list(example["image"])[0])
        picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        picture.save(folder / EXAMPLE_PICTURE)
    texts = {"context": example.get("hint"), "caption": example.get("caption")}
    given = given_by(prediction)
    return {
        "id": example["id"],
        "question": example["question"],
        **{name: text for name, text in texts.items() if text},
        "choices": example["choices"],
        "picture": bool(wanted),
        "rationale": prediction["rationale"],
        "choice": example["choices"][given] if isinstance(given, int) else given,
    }


def given_by(prediction: Mapping[str, Any]) -> int | str | None:
    """The answer of a prediction of ours: position of an option, or words where there are no options."""
    index = prediction["choice_index"]
    return prediction.get("answer") if index is None else index
