"""Data sets by their spec, one word on the command line or in a recipe."""

import datasets

from mmcot.training.sketchqa import load_sketchqa, parse_options


SKETCHQA = "sketchqa"


def load_splits(spec: str) -> datasets.DatasetDict:
    """Opens a data set as splits of examples with ScienceQA's columns.

    Args:
        spec: `sketchqa`, or `sketchqa:` with options such as `train=20000,test=1000,seed=0`.

    Raises:
        ValueError: for a spec that names nothing; the message says what exists.
    """
    name, _, options = spec.partition(":")
    if name != SKETCHQA:
        raise ValueError(f"There is no data set {spec!r}; use '{SKETCHQA}' or '{SKETCHQA}:train=20000,test=1000'.")
    return load_sketchqa(parse_options(options))
