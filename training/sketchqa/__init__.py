"""SketchQA: endless, seeded multiple-choice questions in ScienceQA's shape, with pictures drawn by Pillow."""

from mmcot.training.sketchqa.contact_sheet import contact_sheet
from mmcot.training.sketchqa.dataset import load_sketchqa
from mmcot.training.sketchqa.families import FAMILIES
from mmcot.training.sketchqa.generate import compose, generate
from mmcot.training.sketchqa.options import SketchQAOptions, parse_options


__all__ = [
    "FAMILIES",
    "SketchQAOptions",
    "compose",
    "contact_sheet",
    "generate",
    "load_sketchqa",
    "parse_options",
]
