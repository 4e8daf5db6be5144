"""The command `mmcot`: its verbs, and what becomes of their errors."""

import argparse
import sys
from collections.abc import Sequence
from typing import Protocol

from .. import __version__
from . import ask, convert, evaluate, export, features, info, predict, push, quickstart, train


class Verb(Protocol):
    """A module of this folder, called as the verb. It imports what its work needs within `run`."""

    __name__: str
    SUMMARY: str
    EXAMPLE: str

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Adds what the verb takes."""

    def run(self, options: argparse.Namespace) -> None:
        """Does what the verb says."""


VERBS: tuple[Verb, ...] = (quickstart, train, features, predict, evaluate, ask, info, push, convert, export)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, or 1 with one line on standard error that says what to do."""
    parser = build_parser()
    options, overrides = parser.parse_known_args(arguments)
    if overrides and not options.takes_overrides:
        parser.error(f"unrecognized arguments: {' '.join(overrides)}")
    options.overrides = overrides
    try:
        without_library_bars()
        options.run(options)
    except (ValueError, OSError, ImportError) as error:
        if options.debug:
            raise
        print(f"mmcot: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("mmcot: stopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 1
    return 0


def build_parser() -> argparse.ArgumentParser:
    """All verbs with their options, and an example for each that works as printed."""
    parser = argparse.ArgumentParser(prog="mmcot", description="Multimodal Chain-of-Thought: look, explain, answer.")
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
        own.set_defaults(run=verb.run, takes_overrides=own.get_default("takes_overrides"))
    return parser


def without_library_bars() -> None:
    """Loading and saving take no time here, so the library shows no progress of them."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
