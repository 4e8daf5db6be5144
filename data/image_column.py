"""The image column of a data set, whether an example has one image, several, or none."""

from collections.abc import Sequence
from typing import Any

import datasets


# As stored: `{"bytes", "path"}`, a list of these, or `None`.
Stored = dict[str, Any] | list[dict[str, Any]] | None


def without_images(dataset: datasets.Dataset) -> datasets.Dataset:
    """All columns but `image`: to read the texts, nothing has to be decoded."""
    return dataset.select_columns([name for name in dataset.column_names if name != "image"])


def stored_images(dataset: datasets.Dataset) -> list[Stored]:
    """The column `image` as stored, without decoding; `None` for each row where there is no such column."""
    feature = dataset.features.get("image")
    undecoded = datasets.Image(decode=False)
    if isinstance(feature, datasets.Image):
        dataset = dataset.cast_column("image", undecoded)
    elif isinstance(feature, datasets.List):
        dataset = dataset.cast_column("image", datasets.List(undecoded))
    else:
        return [None] * len(dataset)
    return dataset["image"][:]


def has_image(dataset: datasets.Dataset) -> list[bool]:
    """For each example whether it has an image."""
    return [bool(as_list(stored)) for stored in stored_images(dataset)]


def as_list(entry: Any) -> list[Any]:
    """The images of one example, stored or decoded; empty where it has none."""
    images = entry if isinstance(entry, list) else [entry]
    return [image for image in images if image is not None]


def replace_images(dataset: datasets.Dataset, images: Sequence[Stored]) -> datasets.Dataset:
    """The data set with another image column."""
    feature = dataset.features["image"]
    return dataset.remove_columns("image").add_column("image", list(images), feature=feature)
