"""SketchQA: endless, seeded questions in ScienceQA's shape, most with options, with pictures drawn by Pillow."""

from .contact_sheet import contact_sheet
from .dataset import load_sketchqa
from .families import FAMILIES
from .generate import compose, generate
from .options import SketchQAOptions, parse_options


__all__ = [
    "FAMILIES",
    "SketchQAOptions",
    "compose",
    "contact_sheet",
    "generate",
    "load_sketchqa",
    "parse_options",
]
