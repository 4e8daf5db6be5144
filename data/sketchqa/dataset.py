"""SketchQA as a `datasets.DatasetDict` in memory."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pyarrow as pa
from datasets import Dataset, DatasetDict, Features, Image, List, Value
from PIL import Image as PILImage

from ...modeling_mmcot.free_answers_mmcot import ACCEPTED_ANSWERS
from .generate import generate
from .options import SketchQAOptions


TEXT = Value("string")
FEATURES = Features(
    {
        "id": TEXT,
        "image": Image(),
        "question": TEXT,
        "choices": List(TEXT),
        "answer": Value("int64"),
        "hint": TEXT,
        "task": TEXT,
        "grade": TEXT,
        "subject": TEXT,
        "topic": TEXT,
        "category": TEXT,
        "skill": TEXT,
        "lecture": TEXT,
        "solution": TEXT,
        "family": TEXT,
        "box": List(Value("float32"), length=4),
    }
)
# Where a family has no options.
OF_FREE = {ACCEPTED_ANSWERS: List(TEXT)}
# Of twins: the pair that they belong to, and statements about such pictures that are wrong of this one.
OF_PAIRS = {"pair": TEXT, "contradicted": List(TEXT)}


def load_sketchqa(options: SketchQAOptions) -> DatasetDict:
    """Make the splits `train`, `validation` and `test`, images encoded as PNG; equal options give equal bytes."""
    return DatasetDict({split: _split(split, options) for split in ("train", "validation", "test")})


def _split(split: str, options: SketchQAOptions) -> Dataset:
    examples = [example | {"image": _encoded(example["image"])} for example in generate(split, options)]
    of_pairs = OF_PAIRS if split == "test" and options.pairs else {}
    features = Features(FEATURES | (OF_FREE if options.without_options else {}) | of_pairs)
    return Dataset(pa.Table.from_pylist(examples, schema=features.arrow_schema))


def _encoded(image: PILImage.Image | None) -> dict[str, Any] | None:
    return None if image is None else {"bytes": encode_png(image), "path": None}


def encode_png(image: PILImage.Image) -> bytes:
    """An RGB image as PNG. Pillow tries five filters on every line, which takes longer than drawing the image."""
    pixels = image.tobytes()
    stride = 3 * image.width
    lines = b"".join(b"\0" + pixels[start : start + stride] for start in range(0, len(pixels), stride))
    header = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
