"""`mmcot info`."""

import argparse

from .places import find_model


SUMMARY = "what a trained folder or a repository of the Hub holds"
EXAMPLE = "mmcot info runs/quickstart"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("model", help="run folder or Hub id")


def run(options: argparse.Namespace) -> None:
    """Prints what there is."""
    from ..hub_card.info import describe

    print(describe(find_model(options.model)))
