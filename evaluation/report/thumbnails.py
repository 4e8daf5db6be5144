"""Pictures small enough to live inside a page."""

import base64
import io

from PIL import Image


LARGEST_SIDE = 320  # pixels


def data_uri(content: bytes, kind: str) -> str:
    """Bytes of a picture of a kind, `png` or `jpeg`, as an address that holds the picture itself."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def thumbnail(picture: Image.Image) -> str:
    """A picture of at most 320 pixels a side, as PNG or JPEG, whichever is smaller; transparent becomes white."""
    picture = picture.convert("RGBA")
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    white = Image.new("RGBA", picture.size, "white")
    flat = Image.alpha_composite(white, picture).convert("RGB")
    return min((data_uri(encode(flat, kind), kind) for kind in ("png", "jpeg")), key=len)


def encode(picture: Image.Image, kind: str) -> bytes:
    """The picture's file."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, quality=80)
    return buffer.getvalue()
