"""Data sets from anywhere, as splits of examples with ScienceQA's columns."""

from mmcot.training.data.loading import Data, load_data, load_splits
from mmcot.training.data.splits import pick_split


__all__ = ["Data", "load_data", "load_splits", "pick_split"]
