"""A picture as the pixels that a vision tower reads: what an image processor does, without transformers."""

from collections.abc import Mapping
from math import ceil
from typing import Any

import numpy as np
from PIL import Image


# Image processors of transformers that resize with Pillow, crop, rescale and normalise, and do nothing else.
KNOWN_PROCESSORS = (
    *("ViTImageProcessor", "DeiTImageProcessor", "CLIPImageProcessor", "SiglipImageProcessor"),
    "BitImageProcessor",  # of DINOv2
)
BACKENDS = ("Pil", "Fast")  # ends of the names of their classes
SETTINGS = (
    *("do_resize", "size", "resample", "default_to_square", "do_center_crop", "crop_size"),
    *("do_rescale", "rescale_factor", "do_normalize", "image_mean", "image_std", "do_convert_rgb"),
)
# What says how a processor came to be, or what is so anyway.
WITHOUT_EFFECT = (
    *("image_processor_type", "feature_extractor_type", "processor_class", "auto_map", "_name_or_path"),
    *("transformers_version", "data_format", "input_data_format", "return_tensors", "device", "disable_grouping"),
)
CHANNELS_FIRST = (None, "channels_first")


def require_known_processor(name: str, settings: Mapping[str, Any]) -> None:
    """Refuses an image processor that does something else than this module.

    Args:
        name: of its class.
        settings: what its `to_dict()` gives.

    Raises:
        ValueError: says what is not known, and what to do.
    """
    advice = "use the model with torch, or train it with another image encoder"
    plain = next((name.removesuffix(end) for end in BACKENDS if name.endswith(end)), name)
    if plain not in KNOWN_PROCESSORS:
        raise ValueError(f"Pictures of a {name} are not read without torch, only those of {known_names()}; {advice}.")
    for key, value in settings.items():
        is_known = key in SETTINGS or key in WITHOUT_EFFECT or value in (None, False)
        if not is_known or key == "data_format" and value not in CHANNELS_FIRST:
            raise ValueError(f"The image processor has {key}={value!r}, which is not done without torch; {advice}.")
    for key in ("size", "crop_size"):
        sides = {side for side, length in (settings.get(key) or {}).items() if length}
        if sides not in (set(), {"height", "width"}, {"shortest_edge"}) or key == "crop_size" and len(sides) == 1:
            raise ValueError(f"The image processor has {key}={settings[key]!r}, which is not done here; {advice}.")


def known_names() -> str:
    return ", ".join(KNOWN_PROCESSORS)


class PixelReader:
    """Makes `(3, height, width)` of a picture.

    Args:
        name: of the class of the image processor.
        settings: what its `to_dict()` gives.

    Raises:
        ValueError: for an image processor that does something else.
    """

    def __init__(self, name: str, settings: Mapping[str, Any]):
        require_known_processor(name, settings)
        self.settings = settings

    def __call__(self, image: Image.Image) -> np.ndarray:
        """Pixels `(3, height, width)` of a picture in RGB."""
        settings = self.settings
        if settings.get("do_resize"):
            image = image.resize(new_size(image, settings["size"]), resample=settings.get("resample"))
        pixels = np.moveaxis(np.asarray(image), 2, 0)
        if settings.get("do_center_crop"):
            pixels = crop_centre(pixels, settings["crop_size"]["height"], settings["crop_size"]["width"])
        # The same steps in the same precision as the library, of which the last digit depends.
        if settings.get("do_rescale"):
            pixels = (pixels.astype(np.float64) * settings["rescale_factor"]).astype(np.float32)
        pixels = pixels.astype(np.float32, copy=False)
        if settings.get("do_normalize"):
            mean, spread = (
                np.array(numbers_of_channels(settings[name]), dtype=np.float32)[:, None, None]
                for name in ("image_mean", "image_std")
            )
            pixels = (pixels - mean) / spread
        return pixels


def numbers_of_channels(value: Any) -> list[float]:
    """A number for each of three channels."""
    return list(value) if isinstance(value, (list, tuple)) else [value] * 3


def new_size(image: Image.Image, size: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height that a picture is resized to; its proportions stay where only the shorter side is given."""
    edge = size.get("shortest_edge")
    if not edge:
        return size["width"], size["height"]
    width, height = image.size
    longer = int(edge * max(width, height) / min(width, height))
    return (edge, longer) if width <= height else (longer, edge)


def crop_centre(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle of a picture `(3, ...)`; what it lacks is black."""
    there_high, there_wide = pixels.shape[1:]
    high, wide = max(height, there_high), max(width, there_wide)
    if (high, wide) != (there_high, there_wide):
        larger = np.zeros_like(pixels, shape=(pixels.shape[0], high, wide))
        top, left = ceil((high - there_high) / 2), ceil((wide - there_wide) / 2)
        larger[:, top : top + there_high, left : left + there_wide] = pixels
        # The library counts from the corner of the small picture.
        top, left = (there_high - height) // 2 + top, (there_wide - width) // 2 + left
        return larger[:, max(0, top) : top + height, max(0, left) : left + width]
    top, left = (there_high - height) // 2, (there_wide - width) // 2
    return pixels[:, top : top + height, left : left + width]
