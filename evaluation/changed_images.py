"""A data set with other images: blank ones, or each those of another example."""

import io
import random
from collections.abc import Mapping
from typing import Any

import datasets
from PIL import Image

from ..data.image_column import as_list, replace_images, stored_images


def change_images(change: str | None, dataset: datasets.Dataset, seed: int = 0) -> datasets.Dataset:
    """The data set with the images that an ablation shows; see `Ablation.images`."""
    if change == "blank":
        return blank_images(dataset)
    if change == "another":
        return shuffled_images(dataset, seed)
    return dataset


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
