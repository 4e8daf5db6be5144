"""Data sets from anywhere, as splits of examples with ScienceQA's columns."""

from .loading import Data, load_data, load_splits
from .splits import pick_split, require_options


__all__ = ["Data", "load_data", "load_splits", "pick_split", "require_options"]
