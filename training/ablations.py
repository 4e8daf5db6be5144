"""The same problems with something taken away, to see what the model owes to it."""

import io
import random

import datasets
from PIL import Image


def blank_pictures(dataset: datasets.Dataset) -> datasets.Dataset:
    """Every picture replaced by plain grey of its size; problems without picture stay as they are."""
    return replace_pictures(dataset, [stored and blank(stored) for stored in stored_pictures(dataset)])


def shuffled_pictures(dataset: datasets.Dataset, seed: int = 0) -> datasets.Dataset:
    """Every picture replaced by that of another problem; each is used once."""
    pictures = stored_pictures(dataset)
    places = [place for place, stored in enumerate(pictures) if stored]
    random.Random(seed).shuffle(places)
    shuffled = list(pictures)
    # A shuffled ring handed on by one place: nobody keeps a picture.
    for place, giver in zip(places, places[1:] + places[:1], strict=True):
        shuffled[place] = pictures[giver]
    return replace_pictures(dataset, shuffled)


def stored_pictures(dataset: datasets.Dataset) -> list[dict | None]:
    """The picture column as stored, `{"bytes", "path"}` or `None`."""
    return dataset.cast_column("image", datasets.Image(decode=False))["image"][:]


def replace_pictures(dataset: datasets.Dataset, pictures: list[dict | None]) -> datasets.Dataset:
    """The data set with another picture column."""
    feature = dataset.features["image"]
    return dataset.remove_columns("image").add_column("image", pictures, feature=feature)


def blank(stored: dict) -> dict:
    """A grey PNG of the size of a stored picture."""
    with Image.open(io.BytesIO(stored["bytes"]) if stored["bytes"] else stored["path"]) as picture:
        size = picture.size
    buffer = io.BytesIO()
    Image.new("RGB", size, (128, 128, 128)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": None}
