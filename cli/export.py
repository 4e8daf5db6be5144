"""`mmcot export`."""

import argparse
from pathlib import Path

from ..conversion.export import FORMATS, PRECISIONS_OF_ONNX, export


SUMMARY = "write a trained folder for other code"
EXAMPLE = "mmcot export runs/quickstart exported --format official"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("folder", type=Path, help="run folder")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--format", default=FORMATS[0], choices=FORMATS, help="(default: %(default)s)")
    parser.add_argument(
        "--precision",
        default=PRECISIONS_OF_ONNX[0],
        choices=PRECISIONS_OF_ONNX,
        help="of the weights of --format onnx (default: %(default)s)",
    )


def run(options: argparse.Namespace) -> None:
    """Writes the folder for other code."""
    export(options.folder, options.output, options.format, precision=options.precision)
    print(f"Written to {options.output}.")
