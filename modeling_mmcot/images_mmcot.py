"""Any picture as the RGB that image processors read, and what is wrong with one that cannot be read."""

import base64
import io
import os
import reprlib
import struct
import sys
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


try:
    from pillow_heif import register_heif_opener
except ImportError:
    pass
else:
    register_heif_opener()

if TYPE_CHECKING:
    import torch


MAX_MEGAPIXELS = 50
# Image processors scale the shorter side to a fixed length: a picture of 1 x 1,000,000 pixels would grow to gigabytes.
MAX_PROPORTION = 200
FETCH_SECONDS = 20
CHANNELS = (1, 3, 4)
# What Pillow raises, depending on the format, for a file that is cut short or spoilt, and for an image whose `info`
# does not fit its mode.
SPOILT = (OSError, ValueError, TypeError, SyntaxError, RuntimeError, EOFError, struct.error, zlib.error)
# Pillow hands PostScript to another program, if there is one.
DOCUMENTS = {b"%PDF": "a PDF document", b"%!PS": "PostScript", b"\xc5\xd0\xd3\xc6": "PostScript"}
KINDS = "a path, an address, bytes, or an image of PIL, NumPy or torch"


class ImageError(ValueError):
    """What is wrong with a picture and what to do, as the end of a sentence: "is empty, 0 bytes; write it again."."""


class NoPictureError(ImageError):
    """Of bytes that no picture begins with."""


def to_rgb(image: Any) -> Image.Image:
    """A picture in RGB: upright as its EXIF says, transparent parts over white, 16-bit grey scaled to 8.

    Args:
        image: a PIL image; the path, address (`http://`, `https://`, `data:`) or base64 text of one; its bytes as in a
            file; `{"bytes", "path"}` as `datasets` stores it; or an array of NumPy or torch, `(height, width)`,
            `(height, width, channels)` or `(channels, height, width)`, of numbers from 0 to 255 or of fractions from
            0 to 1. Of an animated file the first frame is read. HEIC needs `pillow-heif`. Pictures of the web are
            read by transformers, which drops transparency instead of laying it over white.

    Raises:
        ValueError: for what is no picture or is too large; the message names it and says what to do.
    """
    try:
        return read_image(image)
    except ImageError as fault:
        raise ValueError(f"The picture {name_image(image)} {fault}") from None


def find_fault(image: Any) -> str | None:
    """What is wrong with a picture, see [`ImageError`]; `None` where [`to_rgb`] reads it."""
    try:
        read_image(image)
    except ImageError as fault:
        return str(fault)
    return None


def name_image(image: Any) -> str:
    """What to call a picture in a message."""
    if isinstance(image, Mapping):
        path = image.get("path")
        image = path if isinstance(path, str) and path else image.get("bytes")
    if isinstance(image, Image.Image):
        return f"of {image.width} x {image.height} pixels"
    if is_array(image):
        return f"of shape {tuple(image.shape)}"
    if isinstance(image, bytes):
        return f"of {len(image)} bytes"
    return show(os.fspath(image) if isinstance(image, os.PathLike) else image)


class ShortRepr(reprlib.Repr):
    """Values as texts of bounded length, however long or nested they are, and even if they have none."""

    def repr_int(self, x: int, level: int) -> str:
        # Python itself refuses to spell out a number of many digits.
        return super().repr_int(x, level) if abs(x) < 10**60 else "a number of more than 60 digits"


def show(value: Any) -> str:
    """A value in a message: on one line, and not more of it than one reads."""
    short = ShortRepr()
    short.maxstring = short.maxother = 200
    text = " ".join(short.repr(value).split())
    return text if len(text) <= 100 else f"{text[:80]}...{text[-15:]}"


def read_image(image: Any) -> Image.Image:
    """See [`to_rgb`].

    Raises:
        ImageError: for what is no picture or is too large.
    """
    if isinstance(image, Mapping):
        image = image.get("path") if image.get("bytes") is None else image["bytes"]
    if isinstance(image, Image.Image):
        return convert(image)
    if isinstance(image, bytes):
        return read_file(io.BytesIO(image))
    if isinstance(image, (str, os.PathLike)):
        return read_text(os.fspath(image))
    if is_array(image):
        return convert(read_array(image))
    raise ImageError(f"is a {type(image).__name__}; give {KINDS}.")


def read_text(text: str) -> Image.Image:
    """The picture that a path, an address or a base64 text stands for."""
    if text.startswith(("http://", "https://")):
        return fetch(text)
    if os.path.isfile(text):
        return open_file(text)
    if os.path.exists(text):
        raise ImageError("is a folder or a device; give the path of a picture file.")
    try:
        return read_file(io.BytesIO(decode_base64(text)))
    except NoPictureError:
        if text.startswith("data:"):
            raise
        raise ImageError(f"does not exist; give {KINDS}.") from None


def decode_base64(text: str) -> bytes:
    """What a text or the data of a `data:` address stands for; nothing where it is no base64."""
    try:
        return base64.b64decode("".join(text[text.find(",") + 1 :].split()), validate=True)
    except ValueError:
        return b""


def fetch(address: str) -> Image.Image:
    """The picture at an address of the web."""
    try:
        from transformers.image_utils import load_image  # loads torch, which a local picture does not need

        image = load_image(address, timeout=FETCH_SECONDS)
    except Image.DecompressionBombError:
        raise too_large() from None
    except UnidentifiedImageError:
        raise ImageError("gave no picture; check the address, or download the picture and give its path.") from None
    except Exception as error:  # the library does not say what its loader raises
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ImageError(
            f"cannot be fetched ({reason}); check the address, or download the picture and give its path."
        ) from error
    return convert(image)


def open_file(path: str) -> Image.Image:
    """The picture in a file."""
    try:
        with open(path, "rb") as file:
            return read_file(file)
    except OSError as error:
        raise ImageError(f"cannot be opened ({error.strerror}); make it readable.") from error


def read_file(file: BinaryIO) -> Image.Image:
    """The picture that an open file holds."""
    head = file.read(1024)
    file.seek(0)
    if not head:
        raise NoPictureError("is empty, 0 bytes; write it again.")
    for start, kind in DOCUMENTS.items():
        if head.startswith(start):
            raise ImageError(f"is {kind}; save it as PNG or JPEG.")
    try:
        image = Image.open(file)
    except Image.DecompressionBombError:
        raise too_large() from None
    except UnidentifiedImageError:
        raise NoPictureError(name_format(head)) from None
    except SPOILT as error:
        raise spoilt(error) from error
    with image:
        return convert(image)


def name_format(head: bytes) -> str:
    """What a file is that Pillow cannot read, by its first bytes."""
    if b"<svg" in head:
        return "is an SVG drawing; save it as PNG or JPEG."
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "is a HEIC picture; install pillow-heif, or save it as PNG or JPEG."
    return "is no picture that Pillow can read; save it as PNG or JPEG."


def is_tensor(value: Any) -> bool:
    """Whether a value is a tensor of torch, which is only asked where somebody has loaded it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def is_array(value: Any) -> bool:
    """Whether a value is an array of NumPy or a tensor of torch."""
    return isinstance(value, np.ndarray) or is_tensor(value)


def read_array(array: Any) -> Image.Image:
    """An array of pixels as an image; 0 to 1 where it has fractions, else 0 to 255."""
    if is_tensor(array):
        array = tensor_to_array(array)
    if array.ndim == 3 and array.shape[0] in CHANNELS and array.shape[2] not in CHANNELS:
        array = np.moveaxis(array, 0, 2)
    if (
        array.dtype.kind not in "buif"
        or array.ndim not in (2, 3)
        or array.ndim == 3
        and array.shape[2] not in CHANNELS
    ):
        raise ImageError(
            f"is an array of {array.dtype}; give numbers as (height, width), (height, width, channels) or "
            f"(channels, height, width), with 1, 3 or 4 channels."
        )
    check_size(array.shape[1], array.shape[0])
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # false for NaN, too
        raise ImageError(f"has values from {low} to {high}; give 0 to 255, or 0 to 1 for fractions.")
    if array.dtype.kind == "b" or array.dtype.kind == "f" and high <= 1:
        array = array * 255.0
    pixels = np.asarray(array.round(), dtype=np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.shape[2:] == (1,) else np.ascontiguousarray(pixels))


def tensor_to_array(tensor: "torch.Tensor") -> np.ndarray:
    """A tensor as an array of the same shape."""
    if str(tensor.layout) != "torch.strided" or tensor.is_meta or tensor.is_quantized:
        raise ImageError("is a tensor without plain numbers, sparse, quantized or meta; give a dense one.")
    if tensor.numel() > max(CHANNELS) * MAX_MEGAPIXELS * 1_000_000:
        raise too_large()  # before numbers that a tensor repeats are written out
    tensor = tensor.detach().cpu().resolve_neg()
    return np.asarray(tensor.float() if tensor.is_floating_point() else tensor)


def convert(image: Image.Image) -> Image.Image:
    """An image in RGB, if it has a size that a model can read."""
    check_size(*image.size)
    try:
        return over_white(ImageOps.exif_transpose(image))
    except SPOILT as error:
        raise spoilt(error) from error


def over_white(image: Image.Image) -> Image.Image:
    """An image in RGB, over white where it is transparent."""
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


def check_size(width: int, height: int) -> None:
    """Refuses a picture without pixels, and one so large or so long that it must be a mistake."""
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise too_large()
    if not width * height:
        raise ImageError("has no pixels; give another.")
    if max(width, height) > MAX_PROPORTION * min(width, height):
        raise ImageError(
            f"has {width} x {height} pixels; one side may be {MAX_PROPORTION} times as long as the other, not more."
        )


def too_large() -> ImageError:
    return ImageError(f"has more than {MAX_MEGAPIXELS} megapixels; make it smaller.")


def spoilt(error: BaseException) -> ImageError:
    return ImageError(f"is spoilt ({' '.join(str(error).split())}); write it again.")
