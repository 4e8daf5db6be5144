"""A seeded generator of pictures that people and programs get wrong, and what reading one comes to."""

import base64
import io
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, PngImagePlugin

from mmcot.modeling_mmcot.images_mmcot import MAX_MEGAPIXELS, MAX_PROPORTION, to_rgb


LONGEST_LINE = 500
MODES = (
    "1",
    "L",
    "P",
    "PA",
    "LA",
    "La",
    "RGB",
    "RGBA",
    "RGBa",
    "RGBX",
    "CMYK",
    "YCbCr",
    "HSV",
    "LAB",
    "I",
    "F",
    "I;16",
)
# Kinds of files, and of each the modes that it can hold.
FORMATS = {
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "JPEG": ("1", "L", "RGB", "RGBX", "CMYK", "YCbCr"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
    "WEBP": ("RGB", "RGBA", "L"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"),
    "JPEG2000": ("L", "RGB", "RGBA"),
    "TGA": ("1", "L", "P", "RGB", "RGBA"),
    "PPM": ("1", "L", "RGB", "I;16"),
}
ANIMATED = ("GIF", "WEBP", "PNG", "TIFF")
SIZES = [(1, 1), (1, 7), (9, 1), (16, 12), (16, 12), (33, 20), (1, 200), (201, 1), (5, 999)]
# What is handed over in place of a picture, as a file.
STRANGERS = [
    *(b"", b"\0", b" " * 2000, b"not a picture", "ünïcödé".encode("utf-16"), b"<html><img src=a.png></html>"),
    *(b"GIF89a", b'<svg xmlns="http://www.w3.org/2000/svg"/>', b'<?xml version="1.0"?>\n<svg width="9"></svg>'),
    *(b"<!-- \xff --><svg>", b"%PDF-1.7\n1 0 obj", b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\xc5\xd0\xd3\xc6" + b"\0" * 40),
    *(b"\n%!PS-Adobe", b"8BPS\0\1", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", b"\0\0\0\x18ftypmif1\0\0\0\0"),
    *(b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0\0\x10JFIF"),
    *(b"RIFF\xff\xff\xff\x7fWEBPVP8 ", b"BM" + b"\xff" * 60, b"II*\0" + b"\xff" * 40, b"MM\0*\0\0\0\x08\xff\xff"),
    *(b"PK\x03\x04", b"\x1f\x8b\x08", b"\xed\xab\xee\xdb", b"{}", b"P6 99999 99999 255\n", b"P5 -1 -1 255\n"),
    *(b"P3 1e9 1 255\n", b"P7\nWIDTH 9", b"/* XPM */\n", b"#define a_width 9"),
]
# Texts in place of a picture, none of which leads to one.
TEXTS = [
    *("", " ", ".", "..", "/", "/dev/zero", "/dev/null", "/proc/self/mem", "~", "none.png", "a\0.png", "\0"),
    *("\ud800.png", "x" * 5000, "a/" * 3000, "a\nb.png", "\x1b[31m.png", "💥.png", "C:\\x.png", "file:///etc/passwd"),
    *("ftp://a/b", "nan", "data:", "data:,", "data:image/png;base64,", "data:image/png;base64,AAAA"),
    *("data:image/png,%89PNG", "data:" + "A" * 9999, "data:image/png;base64,====", "AAAA", "AAAA" * 500, "A", "="),
    *("iVBORw0KGgo=", "é" * 40, "http://", "https://", "http://[", "http://127.0.0.1:1/a.png"),
    *("http://127.0.0.1:99999/a.png", "http://127.0.0.1:1/\ud800", "http://\0", "http:// a/b"),
    *("https://" + "x" * 300, "http://a@b:c/d", "http://127.0.0.1:1/" + "x" * 5000, "HTTP://127.0.0.1:1/a.png"),
]


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


OTHERS: list[Any] = [
    *(10**5000, -(10**5000)),
    *(5, 0, True, 1.5, 3j, object, object(), {1, 2}, bytearray(b"x"), memoryview(b"x"), io.BytesIO(b"x"), [], [1]),
    *((), [[0, 255]], ["a.png"], range(3), Image, np.float64(3), Path(""), Path("\0"), Path("x" * 5000)),
    *(nested(5000), [0] * 1_000_000),
]
CELLS: list[Any] = [
    *OTHERS,
    *(None, "", b"", "none.png", {"bytes": b"x"}, float("nan"), np.zeros(3), torch.zeros(2, 2), np.zeros(0)),
    *(Image.new("L", (3, 3)),),
]
DTYPES = [
    *("uint8", "uint8", "uint8", "int8", "bool", "int16", ">i2", "uint16", "int32", "int64", "uint64", "float16"),
    *("float32", "float64", ">f8", "longdouble", "complex64", "object", "U3", "S3", "datetime64[s]", "V4", "i4,f4"),
]
TORCH_DTYPES = [
    *(torch.uint8, torch.uint8, torch.int8, torch.bool, torch.int16, torch.int64, torch.uint16, torch.uint64),
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.float8_e4m3fn),
    *(torch.qint8,),
]
SHAPES = [
    *((9, 7, 3), (9, 7, 3), (9, 7, 4), (9, 7, 1), (3, 9, 7), (4, 9, 7), (1, 9, 7), (9, 7), (3, 3, 3), (1, 1, 1)),
    *((1, 1), (), (0,), (5,), (0, 0), (0, 5, 3), (5, 0, 3), (3, 0, 0), (9, 7, 2), (9, 7, 0), (2, 9, 7, 3), (1,) * 6),
    *((1, 300, 3),),
]


def make_case(seed: int, folder: Path) -> Any:
    """A picture, or what is handed over as one, the same for the same seed.

    Args:
        seed: of everything.
        folder: where those that are files are written.
    """
    rng = random.Random(seed)
    return rng.choice(MAKERS)(rng, folder)


def make_image(rng: random.Random, modes: tuple[str, ...] = MODES) -> Image.Image:
    """An image of noise."""
    mode, size = rng.choice(modes), rng.choice(SIZES)
    image = Image.new(mode, size)
    if mode not in ("I", "F", "I;16"):
        image.frombytes(rng.randbytes(len(image.tobytes())))
    else:
        image.putpixel((0, 0), rng.choice([0, 1, 255, 65535]))
    if mode in ("P", "PA"):
        image.putpalette(rng.randbytes(3 * rng.choice([1, 2, 256])))
    return image


def make_options(rng: random.Random, kind: str, image: Image.Image) -> dict[str, Any]:
    """What a file of that kind may say beside its pixels."""
    options: dict[str, Any] = {}
    if rng.random() < 0.5 and kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        exif = Image.Exif()
        exif[0x0112] = rng.choice([1, 2, 3, 5, 6, 8] if kind == "TIFF" else [3, 5, 6, 8, 0, 9, 255])
        options["exif"] = exif
    if rng.random() < 0.3 and kind in ("PNG", "GIF") and image.mode in ("P", "L"):
        options["transparency"] = rng.choice([0, 1, 255])
    if rng.random() < 0.3 and kind == "TIFF" and image.mode == "RGB":
        options["compression"] = rng.choice(["tiff_lzw", "tiff_deflate", "jpeg", "packbits"])
    if rng.random() < 0.2 and kind == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("a", "x" * rng.choice([10, 3_000_000]), zip=True)
    if rng.random() < 0.2 and kind == "JPEG":
        options["progressive"] = True
    return options


def encode(rng: random.Random) -> bytes:
    """A good file."""
    kind = rng.choice(list(FORMATS))
    image = make_image(rng, FORMATS[kind])
    options = make_options(rng, kind, image)
    if kind in ANIMATED and rng.random() < 0.3:
        frames = [Image.new(image.mode, image.size, rng.choice([0, 1])) for _ in range(rng.randint(1, 3))]
        options = {"save_all": True, "append_images": frames}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def damage(rng: random.Random, content: bytes) -> bytes:
    """What disks, transfers and attackers do to a file: most of it where the file says what it holds."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 10])):
        place = rng.randrange(min(len(changed), rng.choice([40, 200, len(changed)])))
        kind = rng.randrange(6)
        if kind < 3:
            changed[place] = rng.choice([0, 1, 127, 128, 255, rng.randrange(256)])
        elif kind == 3:
            changed[place : place + 4] = rng.choice(
                [b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\0\xff\xff"]
            )
        elif kind == 4:
            del changed[place : place + rng.randint(1, 9)]
        else:
            changed[place:place] = changed[place : place + rng.randint(1, 40)]
        changed = changed or bytearray(b"\0")
    return bytes(changed[: rng.choice([len(changed), len(changed), rng.randint(1, len(changed))])])


def handed_over(rng: random.Random, folder: Path, content: bytes) -> Any:
    """The content of a file in one of the ways in which people hand it over."""
    path = folder / f"picture{rng.choice(['.png', '.jpg', '', '.txt', '.PDF', ' é.png'])}"
    path.write_bytes(content)
    text = base64.b64encode(content).decode()
    return rng.choice(
        [
            content,
            content,
            path,
            str(path),
            text,
            f"data:image/png;base64,{text}",
            {"bytes": content, "path": None},
            {"bytes": content, "path": "x.png"},
            {"bytes": None, "path": str(path)},
            {"path": str(path)},
        ]
    )


def good_file(rng: random.Random, folder: Path) -> Any:
    return handed_over(rng, folder, encode(rng))


def damaged_file(rng: random.Random, folder: Path) -> Any:
    return handed_over(rng, folder, damage(rng, encode(rng)))


def strange_file(rng: random.Random, folder: Path) -> Any:
    content = rng.choice(STRANGERS)
    return handed_over(rng, folder, content + rng.choice([b"", b"", rng.randbytes(rng.randint(1, 2000))]))


def large_file(rng: random.Random, folder: Path) -> Any:
    """A file that is small and stands for a picture of many megapixels, with or without the pixels."""
    kind = rng.choice(["PNG", "GIF", "BMP", "TIFF", "PPM", "TGA"])
    buffer = io.BytesIO()
    Image.new("L", (16, 12)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    sizes = {"PNG": (16, ">II"), "GIF": (6, "<HH"), "BMP": (18, "<ii"), "TGA": (12, "<HH")}
    if kind in sizes:
        place, form = sizes[kind]
        most = 65535 if "H" in form else 2**31 - 1
        size = np.array(
            [rng.choice([1, 16, 20_000, 65_535, most]) for _ in range(2)],
            form[0] + {"I": "u4", "H": "u2", "i": "i4"}[form[1]],
        )
        content[place : place + size.nbytes] = size.tobytes()
    else:
        content = bytearray(rng.choice([b"P5 60000 60000 255\n", b"P4 9000 9000\n" + bytes(9000 * 1125)]))
    return handed_over(rng, folder, bytes(content))


def text_or_other(rng: random.Random, folder: Path) -> Any:
    return rng.choice([rng.choice(TEXTS), rng.choice(OTHERS), folder])


def stored(rng: random.Random, folder: Path) -> Any:
    """A cell as `datasets` stores it, with something else in it."""
    names = rng.sample(["bytes", "path", "path", "Bytes", 5], rng.randint(0, 2))
    return {name: rng.choice(CELLS) for name in names}


def pil_image(rng: random.Random, folder: Path) -> Any:
    """An image of PIL: of any mode, lazy, closed, from a damaged file, with info that does not fit."""
    kind = rng.randrange(6)
    if kind < 2:
        image = make_image(rng)
        image.info = rng.choice(
            [{}, {}, {"transparency": rng.choice([0, 999, b"\0", (1, 2, 3), "x", None])}, {"exif": b"x"}]
        )
        return image
    if kind == 2:
        return Image.new(rng.choice(MODES), rng.choice([(0, 0), (0, 5), (1, 20_000), (8000, 8000)]))
    path = folder / "lazy"
    path.write_bytes(encode(rng) if kind == 3 else damage(rng, encode(rng)))
    try:
        image = Image.open(path)
    except Exception:  # a file that PIL does not open is another case
        return path
    if rng.random() < 0.3:
        image.close()
    return image


def numpy_array(rng: random.Random, folder: Path) -> Any:
    shape = rng.choice(SHAPES)
    numbers = np.random.default_rng(rng.randrange(2**32)).uniform(0, rng.choice([0.9, 1, 1, 255, 256, 1e9]), shape)
    array = np.asarray(numbers).astype(np.float64)
    if array.size and rng.random() < 0.2:
        array.flat[0] = rng.choice([-1, np.nan, np.inf, 1e300, 255.6])
    with np.errstate(all="ignore"):
        dtype = rng.choice(DTYPES)
        array = array.astype(dtype) if dtype != "datetime64[s]" else array.astype("i8").astype(dtype)
    changes = [
        *[lambda: array] * 6,
        lambda: np.flip(array),
        lambda: np.asfortranarray(array),
        lambda: np.ma.masked_array(array),
        lambda: np.broadcast_to(np.uint8(1), (10**6, 10**6)),
        lambda: np.broadcast_to(np.uint8(1), (3, 10**9, 10**9)),
        lambda: np.broadcast_to(np.uint8(1), (7000, 7000)),
        lambda: array.T,
    ]
    return rng.choice(changes)()


def torch_tensor(rng: random.Random, folder: Path) -> Any:
    shape, dtype = rng.choice(SHAPES), rng.choice(TORCH_DTYPES)
    generator = torch.Generator().manual_seed(rng.randrange(2**32))
    numbers = torch.rand(shape, generator=generator) * rng.choice([0.9, 1, 255, 300])
    if dtype is torch.qint8:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.quantize_per_tensor(numbers, 1.0, 0, dtype)
    tensor = numbers.to(dtype)
    changes = [
        *[lambda: tensor] * 6,
        lambda: numbers.requires_grad_(),
        lambda: numbers.to_sparse(),
        lambda: numbers.to("meta"),
        lambda: torch.conj(numbers + 1j).imag,
        lambda: torch.zeros(()).expand(10**6, 10**6),
        lambda: torch.nn.Parameter(numbers),
        lambda: tensor.permute(tuple(reversed(range(tensor.ndim)))),
    ]
    return rng.choice(changes)()


MAKERS: list[Callable[[random.Random, Path], Any]] = [
    *[good_file] * 3,
    *[damaged_file] * 6,
    *[strange_file] * 2,
    *[pil_image] * 3,
    *[numpy_array] * 2,
    *[torch_tensor] * 2,
    large_file,
    text_or_other,
    stored,
]


def outcome(picture: Any) -> str:
    """What reading a picture comes to: `picture`, `refused` in one line that says what to do, or what is wrong."""
    try:
        image = to_rgb(picture)
    except ValueError as error:
        return judge(str(error)) if type(error) is ValueError else f"traceback {type(error).__name__}: {error!s:.200}"
    except Exception as error:  # whatever it is, it would end in a traceback
        return f"traceback {type(error).__name__}: {error!s:.200}"
    longest, shortest = max(image.size), min(image.size)
    bounded = longest * shortest <= MAX_MEGAPIXELS * 1e6 and longest <= MAX_PROPORTION * shortest
    image.load()
    return "picture" if image.mode == "RGB" and bounded else f"is {image}"


def judge(message: str) -> str:
    """Whether a refusal is one line of bounded length that names the picture and ends with a remedy."""
    if not message.isprintable():
        return f"not one line: {message:.200}"
    if len(message) > LONGEST_LINE:
        return f"long: {message:.200}"
    named = message.startswith("The picture ") and message.endswith(".")
    return "refused" if named and ("; " in message or "may be" in message) else f"nameless: {message:.200}"
