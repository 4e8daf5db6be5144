"""Data sets from anywhere, as splits of examples with ScienceQA's columns."""

from .loading import Data, load_data, load_splits
from .splits import has_answers, pick_split


__all__ = ["Data", "has_answers", "load_data", "load_splits", "pick_split"]
