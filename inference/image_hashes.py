"""Images of a data set by the hash of their files: equal pictures are one, wherever they are stored."""

import hashlib
from pathlib import Path
from typing import Any

import datasets
import pyarrow
from PIL import Image

from ..data.examples import IMAGE_HASHES
from ..data.image_column import as_list


def image_hashes(dataset: datasets.Dataset) -> list[list[str]]:
    """Content hashes of each row's images, in order; an empty list for a row without."""
    if "image" not in dataset.column_names:
        return [[] for _ in range(len(dataset))]
    tables = stored_column(dataset).iter(batch_size=64)
    return [[content_hash(stored) for stored in row] for table in tables for row in stored_rows(table)]


def replace_images_by_hashes(dataset: datasets.Dataset) -> datasets.Dataset:
    """The data set with the content hashes of its images in their place."""
    hashes = image_hashes(dataset)
    others = [name for name in dataset.column_names if name not in ("image", IMAGE_HASHES)]
    feature = datasets.List(datasets.Value("string"))
    return dataset.select_columns(others).add_column(IMAGE_HASHES, hashes, feature=feature)


def stored_column(dataset: datasets.Dataset) -> datasets.Dataset:
    """The column `image` as it is stored: nothing is decoded, nothing copied."""
    return dataset.select_columns("image").with_format("arrow")


def stored_rows(table: pyarrow.Table) -> list[list[dict[str, Any]]]:
    """The stored images `{"bytes", "path"}` of each row of a [`stored_column`]; none where a row has none."""
    return [as_list(entry) for entry in table["image"].to_pylist()]


def content_hash(stored: dict[str, Any]) -> str:
    """SHA-256 of an image's file, whether its bytes or its path is stored."""
    content = Path(stored["path"]).read_bytes() if stored["bytes"] is None else stored["bytes"]
    return hashlib.sha256(content).hexdigest()


def decode(stored: dict[str, Any], row: int) -> Image.Image:
    """A stored image, read as the data set itself reads it.

    Raises:
        ValueError: where it cannot be read; the message names its row.
    """
    try:
        return datasets.Image().decode_example(stored)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"The picture of row {row} cannot be read ({error}); replace it or leave it out.") from error
