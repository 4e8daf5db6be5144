"""The same examples again with something changed, to see what the model owes to it.

What is changed stands in `configuration/ablations.py`.
"""

import io
import random
from collections.abc import Mapping, Sequence
from typing import Any

import datasets
import numpy as np
from PIL import Image

from ..configuration.ablations import ABLATIONS, ALL_EXAMPLES, FULL_SYSTEM, PICTURED, Ablation
from ..configuration.metrics import ACCURACY
from ..data.image_column import as_list, has_image, replace_images, stored_images, without_images
from ..inference.generation import predict
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import ANSWER
from .comparison import compare_outcomes
from .intervals import estimate
from .predictions import match_predictions


def run_ablations(
    models: Mapping[str, MMCoTForConditionalGeneration],
    processor: MMCoTProcessor,
    dataset: datasets.Dataset,
    predictions: Sequence[Mapping[str, Any]],
    seed: int = 0,
    **options,
) -> dict[str, list[dict[str, Any]]]:
    """Answers the examples again, once for each ablation that applies to them.

    Those of images do where there are images; those of rationales where a model reads rationales, so with two stages.

    Args:
        models: by stage, see [`predict`].
        dataset: the examples, with gold rationales for the ablation that reads them.
        predictions: of the full system. Where an example has no gold rationale, the system keeps its own.
        seed: of the shuffle.
        options: see [`predict`].

    Returns:
        Prediction rows by the name of the ablation.
    """
    has_images = any(has_image(dataset))
    ablated = {}
    for name, ablation in ABLATIONS.items():
        if (ablation.images and not has_images) or (ablation.rationales and ANSWER not in models):
            continue
        rationales = ablated_rationales(ablation, dataset, processor, predictions)
        changed = ablated_images(ablation, dataset, seed)
        ablated[name] = predict(models, processor, changed, rationales=rationales, progress=True, **options)
    return ablated


def ablated_images(ablation: Ablation, dataset: datasets.Dataset, seed: int) -> datasets.Dataset:
    """The data set with the images that an ablation shows."""
    if ablation.images == "blank":
        return blank_images(dataset)
    if ablation.images == "another":
        return shuffled_images(dataset, seed)
    return dataset


def ablated_rationales(
    ablation: Ablation,
    dataset: datasets.Dataset,
    processor: MMCoTProcessor,
    predictions: Sequence[Mapping[str, Any]],
) -> list[str] | None:
    """What the answer stage reads in an ablation; `None` for what the rationale stage writes."""
    if ablation.rationales == "none":
        return [""] * len(dataset)
    if ablation.rationales == "gold":
        return gold_rationales(dataset, processor, predictions)
    return None


def gold_rationales(
    dataset: datasets.Dataset, processor: MMCoTProcessor, predictions: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Each example's gold rationale, or the predicted one where it has none."""
    predicted = {str(row["id"]): row.get("rationale") or "" for row in predictions}
    return [
        processor.gold_rationale(example) or predicted.get(str(example["id"]), "")
        for example in without_images(dataset)
    ]


def measure_ablations(
    predictions: Sequence[Mapping[str, Any]],
    ablated: Mapping[str, Sequence[Mapping[str, Any]]],
    dataset: datasets.Dataset,
) -> dict[str, dict[str, dict[str, Any]]]:
    """What each ablation costs.

    Args:
        predictions: of the full system.
        ablated: what [`run_ablations`] returned.
        dataset: the examples, with labels.

    Returns:
        By name, the full system first, and by group of examples (`all problems`, `with a picture`): `accuracy` in
        percent and `difference` to the full system in percentage points, each `{"value", "n", "low", "high"}`. The
        full system has no `difference`.
    """
    answered = match_predictions(predictions, dataset)
    pictured = np.array([example["has_image"] for example in answered.examples])
    groups = {ALL_EXAMPLES: np.ones_like(pictured)}
    if pictured.any():
        groups[PICTURED] = pictured
    full = {
        group: {"accuracy": estimate(answered.right[members], ACCURACY.scale)} for group, members in groups.items()
    }
    table: dict[str, dict[str, dict[str, Any]]] = {FULL_SYSTEM: full}
    for name, rows in ablated.items():
        right = match_predictions(rows, dataset).right
        table[name] = {}
        for group, members in groups.items():
            compared = compare_outcomes(right[members], answered.right[members])
            table[name][group] = {"accuracy": compared["first"], "difference": compared["difference"]}
    return table


def blank_images(dataset: datasets.Dataset) -> datasets.Dataset:
    """Every image replaced by plain grey of its size; examples without image stay as they are."""
    return replace_images(dataset, [blank_entry(stored) for stored in stored_images(dataset)])


def shuffled_images(dataset: datasets.Dataset, seed: int = 0) -> datasets.Dataset:
    """Every example's image or images replaced by those of another example; each is used once."""
    images = stored_images(dataset)
    places = [place for place, stored in enumerate(images) if as_list(stored)]
    random.Random(seed).shuffle(places)
    shuffled = list(images)
    # A shuffled ring handed on by one place: nobody keeps an image.
    for place, giver in zip(places, places[1:] + places[:1], strict=True):
        shuffled[place] = images[giver]
    return replace_images(dataset, shuffled)


def blank_entry(stored: Any) -> Any:
    """A stored entry of the image column with grey images in place of its own."""
    if isinstance(stored, list):
        return [blank(image) for image in stored]
    return None if stored is None else blank(stored)


def blank(stored: Mapping[str, Any]) -> dict[str, Any]:
    """A grey PNG of the size of a stored image."""
    with Image.open(io.BytesIO(stored["bytes"]) if stored["bytes"] else stored["path"]) as image:
        size = image.size
    buffer = io.BytesIO()
    Image.new("RGB", size, (128, 128, 128)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}
