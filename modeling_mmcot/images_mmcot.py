"""Any picture as the RGB that image processors read."""

import os

from PIL import Image, ImageOps
from transformers.image_utils import load_image


def to_rgb(image: Image.Image | str | os.PathLike) -> Image.Image:
    """A picture in RGB: upright as its EXIF says, transparent parts over white, 16-bit grey scaled to 8.

    Args:
        image: a PIL image, or the path, URL or base64 text of one. Of an animated file the first frame.

    Raises:
        OSError, ValueError: for what is no picture.
    """
    if not isinstance(image, Image.Image):
        if not os.path.isfile(image):
            return load_image(os.fspath(image))
        with Image.open(image) as opened:
            return to_rgb(opened)
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        # Pillow would clip: everything but the darkest 256th of the scale would be white.
        image = image.convert("I").point(lambda level: level * (1 / 257) + 0.5).convert("L")
        image.info.pop("transparency", None)  # a level of the old scale
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    white.alpha_composite(image)
    return white.convert("RGB")
