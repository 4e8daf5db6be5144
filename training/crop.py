"""What an image processor cuts off: some resize the shorter side and keep the middle, whatever lies beside it."""

import io
from typing import Any

import datasets
import numpy as np
from PIL import Image

from ..data.image_column import Stored, as_list, stored_images


# Examples whose pictures are looked at, which is enough for a mean.
LOOKED_AT = 500


def describe_crop(image_processor: Any, train: datasets.Dataset) -> str:
    """Says how much of the pictures is lost and what to do; nothing where they are seen whole.

    Args:
        image_processor: that of the run.
        train: examples with pictures, of which the first ones are measured.
    """
    if not getattr(image_processor, "do_center_crop", False):
        return ""
    stored = stored_images(train.select(range(min(LOOKED_AT, len(train)))))
    kept = [kept_share(image_processor, *size_of(image)) for images in stored for image in as_list(images)]
    if not kept or min(kept) > 0.99:  # what is lost by rounding
        return ""
    side = image_processor.crop_size["height"]
    return (
        f"The image processor cuts the middle out of each picture: of {len(kept)} pictures it keeps "
        f"{np.mean(kept):.0%} of the area on average and {min(kept):.0%} at worst. "
        f"To let the model see whole pictures, set model.image_size: {side}."
    )


def kept_share(image_processor: Any, width: int, height: int) -> float:
    """How much of the area of a picture of this size is left."""
    size, crop = image_processor.size, image_processor.crop_size
    if not image_processor.do_resize:
        resized = (width, height)
    elif size["shortest_edge"]:
        scale = size["shortest_edge"] / min(width, height)
        resized = (round(width * scale), round(height * scale))
    else:
        resized = (size["width"], size["height"])
    return min(1, crop["width"] / resized[0]) * min(1, crop["height"] / resized[1])


def size_of(image: Stored) -> tuple[int, int]:
    """Width and height of a stored picture, which is not decoded for it."""
    source: Any = image
    with Image.open(source["path"] if source["bytes"] is None else io.BytesIO(source["bytes"])) as opened:
        return opened.size
