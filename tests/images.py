"""Images as the tests need them: files of noise, and data sets of them."""

import io
import random

import datasets
from PIL import Image


def png(seed, size=(24, 20)):
    """A PNG file of noise."""
    buffer = io.BytesIO()
    noise = random.Random(seed).randbytes(3 * size[0] * size[1])
    Image.frombytes("RGB", size, noise).save(buffer, "PNG")
    return buffer.getvalue()


def image_rows(contents):
    """A data set with one image file or `None` per row."""
    rows = [content and {"bytes": content, "path": None} for content in contents]
    return datasets.Dataset.from_dict({"image": rows}, datasets.Features(image=datasets.Image()))
