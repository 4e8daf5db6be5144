"""`mmcot quickstart`."""

import argparse
from pathlib import Path

from .shared_options import whole_number


SUMMARY = "train a model on drawn pictures, in minutes"
EXAMPLE = "mmcot quickstart"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--output", default="runs/quickstart", help="run folder (default: %(default)s)")
    parser.add_argument(
        "--seed",
        type=whole_number(0, 2**31 - 1),
        default=0,
        help="of data, weights and training (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Trains, compares and asks."""
    from .comparison import run_quickstart

    run_quickstart(Path(options.output), options.seed)
