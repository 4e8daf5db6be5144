"""Images small enough to live inside a page."""

import base64
import io

from PIL import Image


LARGEST_SIDE = 320  # pixels


def data_uri(content: bytes, kind: str) -> str:
    """Bytes of an image of a kind, `png` or `jpeg`, as an address that holds the image itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def thumbnail(image: Image.Image) -> str:
    """An image of at most 320 pixels a side, as PNG or JPEG, whichever is smaller; transparent becomes white."""
    image = image.convert("RGBA")
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    white = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(white, image).convert("RGB")
    return min((data_uri(encode(flat, kind), kind) for kind in ("png", "jpeg")), key=len)


def encode(image: Image.Image, kind: str) -> bytes:
    """The image's file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, quality=80)
    return buffer.getvalue()
