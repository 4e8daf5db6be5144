"""Options that several verbs have in common."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..inference.engine_choice import AUTO, ENGINES


if TYPE_CHECKING:
    from ..configuration import DataArguments


def add_revision(parser: argparse.ArgumentParser) -> None:
    """Which state of a model that is on the Hub."""
    parser.add_argument("--revision", help="commit, tag or branch of a Hub id")


def add_model(parser: argparse.ArgumentParser) -> None:
    """What is asked, and whose code it runs."""
    parser.add_argument("--model", required=True, help="run folder or Hub id")
    add_revision(parser)
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run the model's own Python files, not those of this package"
    )


def add_engine(parser: argparse.ArgumentParser) -> None:
    """What answers."""
    parser.add_argument(
        "--engine",
        default=AUTO,
        choices=ENGINES,
        help="auto takes an ONNX export in the folder where there is only a CPU (default: %(default)s)",
    )


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Which problems, and how they are read."""
    parser.add_argument("--dataset", required=True, help="folder, file, Hub id or sketchqa")
    parser.add_argument("--split", default="test", help="(default: %(default)s)")
    parser.add_argument("--images", help="folder that picture paths start from")
    parser.add_argument("--captions", help="JSON file of captions by problem id")
    parser.add_argument("--columns", nargs="+", default=[], metavar="THEIRS=OURS", help="renamed columns")
    parser.add_argument("--on-error", default="raise", choices=("raise", "skip"), help="for bad rows")


def data_arguments(options: argparse.Namespace) -> DataArguments:
    """The data options that were given."""
    from ..configuration import DataArguments

    pairs = [pair.partition("=") for pair in options.columns]
    for theirs, _, ours in pairs:
        if not theirs or not ours:
            raise ValueError("--columns takes THEIRS=OURS pairs, such as explanation=solution.")
    columns = {theirs: ours for theirs, _, ours in pairs}
    return DataArguments(columns, options.images, options.captions, on_error=options.on_error)


def add_batch_size(parser: argparse.ArgumentParser) -> None:
    """How many problems a model reads at once."""
    parser.add_argument(
        "--batch-size",
        type=whole_number(1, 10_000),
        default=32,
        help="problems answered together (default: %(default)s)",
    )


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What reads a number in a range off the command line."""

    def read(text: str) -> int:
        number = int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text) else None
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least:,} to {most:,}")
        return number

    return read
