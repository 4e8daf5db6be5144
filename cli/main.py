"""The command `mmcot`: its verbs, and what becomes of their errors."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn, Protocol

from .. import __version__
from . import ask, convert, demo, evaluate, export, features, info, predict, push, quickstart, train
from .progress_bars import hide_bars_of_loading, leave_bars_to_us


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")


class Verb(Protocol):
    """A module of this folder, called as the verb. It imports what its work needs within `run`."""

    __name__: str
    SUMMARY: str
    EXAMPLE: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Adds what the verb takes."""

    def run(self, options: argparse.Namespace) -> int | None:
        """Does what the verb says; may give an exit code."""


VERBS: tuple[Verb, ...] = (quickstart, train, features, predict, evaluate, ask, demo, info, push, convert, export)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, or 1 with one line on standard error that says what to do.

    Words that cannot be read end the process with exit code 2, and a line, too.
    """
    parser = build_parser()
    options, overrides = parser.parse_known_args(arguments)
    if overrides and not options.takes_overrides:
        parser.error(f"unrecognized arguments: {' '.join(overrides)}")
    options.overrides = overrides
    try:
        leave_bars_to_us()
        if not options.is_light:
            hide_bars_of_loading()
        return options.run(options) or 0
    except (ValueError, OSError, ImportError) as error:
        if options.debug:
            raise
        print(f"mmcot: {' '.join(str(error).split())}", file=sys.stderr)
        return 1


def build_parser() -> argparse.ArgumentParser:
    """All verbs with their options, and an example for each that works as printed."""
    parser = Parser(prog="mmcot", description="Multimodal Chain-of-Thought: look, explain, answer.")
    parser.add_argument("--version", action="version", version=__version__)
    parsers = parser.add_subparsers(required=True, metavar="VERB")
    for verb in VERBS:
        own = parsers.add_parser(
            verb.__name__.rpartition(".")[2],
            help=verb.SUMMARY,
            description=verb.SUMMARY,
            epilog=f"example: {verb.EXAMPLE}",
            allow_abbrev=False,
        )
        verb.add_options(own)
        own.add_argument("--debug", action="store_true", help="show the traceback of an error")
        own.set_defaults(run=verb.run, **{name: own.get_default(name) for name in ("takes_overrides", "is_light")})
    return parser
