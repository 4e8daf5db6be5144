"""`mmcot export`."""

import argparse
from pathlib import Path

from ..conversion.export import FORMATS, export


SUMMARY = "write a trained folder for other code"
EXAMPLE = "mmcot export runs/quickstart exported --format official"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("folder", type=Path, help="run folder")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--format", default=FORMATS[0], choices=FORMATS, help="(default: %(default)s)")


def run(options: argparse.Namespace) -> None:
    """Writes the folder for other code."""
    export(options.folder, options.output, options.format)
    print(f"Written to {options.output}.")
