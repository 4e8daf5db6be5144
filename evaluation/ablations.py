"""The same problems with something taken away, to see what the model owes to it."""

import io
import random
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np
from PIL import Image

from ..data.image_column import as_list, has_image, replace_images, stored_images, without_images
from ..inference.generation import predict
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import ANSWER
from .comparison import compare_outcomes
from .intervals import estimate
from .predictions import match_predictions


FULL_SYSTEM = "full system"
BLANK, SHUFFLED = "blank pictures", "shuffled pictures"
NO_RATIONALE, GOLD_RATIONALE = "no rationale", "gold rationale"
ALL_PROBLEMS, PICTURED = "all problems", "with a picture"


def run_ablations(
    models: Mapping[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    predictions: Sequence[Mapping[str, Any]],
    seed: int = 0,
    **options,
) -> dict[str, list[dict[str, Any]]]:
    """Answers the problems again without what the system should need, and with what it would like to have.

    Blank and shuffled pictures, where there are pictures; with two stages also the answer stage without rationale, and
    with the gold one in place of what stage 1 wrote, which is the most that better rationales could bring.

    Args:
        models: by stage, see [`predict`].
        dataset: the problems, with gold rationales for that ablation.
        predictions: of the full system. Where a problem has no gold rationale, the system keeps its own.
        seed: of the shuffle.
        options: see [`predict`].

    Returns:
        Prediction rows by the name of the ablation.
    """
    ablated = {}
    if any(has_image(dataset)):
        ablated[BLANK] = predict(models, processor, blank_images(dataset), **options)
        ablated[SHUFFLED] = predict(models, processor, shuffled_images(dataset, seed), **options)
    if ANSWER in models:
        rationales = {
            NO_RATIONALE: [""] * len(dataset),
            GOLD_RATIONALE: gold_rationales(dataset, processor, predictions),
        }
        for name, texts in rationales.items():
            ablated[name] = predict(models, processor, dataset, rationales=texts, **options)
    return ablated


def gold_rationales(
    dataset: datasets.Dataset, processor: MMCoTProcessor, predictions: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Each problem's gold rationale, or the predicted one where it has none."""
    predicted = {str(row["id"]): row.get("rationale") or "" for row in predictions}
    texts = without_images(dataset)
    return [processor.gold_rationale(row) or predicted.get(str(row["id"]), "") for row in texts]


def ablation_table(
    predictions: Sequence[Mapping[str, Any]],
    ablated: Mapping[str, Sequence[Mapping[str, Any]]],
    dataset: datasets.Dataset,
) -> dict[str, dict[str, dict[str, Any]]]:
    """What each ablation costs.

    Args:
        predictions: of the full system.
        ablated: what [`run_ablations`] returned.
        dataset: the problems, with labels.

    Returns:
        By name, the full system first, and by group of problems (`all problems`, `with a picture`): `accuracy` in
        percent and `difference` to the full system in percentage points, each `{"value", "n", "low", "high"}`. The
        full system has no `difference`.
    """
    answered = match_predictions(predictions, dataset)
    pictured = np.array([row["has_image"] for row in answered.problems])
    groups = {ALL_PROBLEMS: np.ones_like(pictured)} | ({PICTURED: pictured} if pictured.any() else {})
    outcomes = {name: match_predictions(rows, dataset).right for name, rows in ablated.items()}
    table: dict[str, dict[str, dict[str, Any]]] = {FULL_SYSTEM: {}, **{name: {} for name in ablated}}
    for group, members in groups.items():
        table[FULL_SYSTEM][group] = {"accuracy": estimate(answered.right[members], scale=100)}
        for name, right in outcomes.items():
            compared = compare_outcomes(right[members], answered.right[members])
            table[name][group] = {"accuracy": compared["first"], "difference": compared["difference"]}
    return table


def blank_images(dataset: datasets.Dataset) -> datasets.Dataset:
    """Every picture replaced by plain grey of its size; problems without picture stay as they are."""
    return replace_images(dataset, [blank_entry(stored) for stored in stored_images(dataset)])


def shuffled_images(dataset: datasets.Dataset, seed: int = 0) -> datasets.Dataset:
    """Every problem's picture or pictures replaced by those of another problem; each is used once."""
    pictures = stored_images(dataset)
    places = [place for place, stored in enumerate(pictures) if as_list(stored)]
    random.Random(seed).shuffle(places)
    shuffled = list(pictures)
    # A shuffled ring handed on by one place: nobody keeps a picture.
    for place, giver in zip(places, places[1:] + places[:1], strict=True):
        shuffled[place] = pictures[giver]
    return replace_images(dataset, shuffled)


def blank_entry(stored: Any) -> Any:
    """A stored entry of the picture column with grey pictures in place of its own."""
    return [blank(picture) for picture in stored] if isinstance(stored, list) else stored and blank(stored)


def blank(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A grey PNG of the size of a stored picture."""
    with Image.open(io.BytesIO(stored["bytes"]) if stored["bytes"] else stored["path"]) as picture:
        size = picture.size
    buffer = io.BytesIO()
    Image.new("RGB", size, (128, 128, 128)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}
