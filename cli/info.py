"""`mmcot info`."""

import argparse

from ..configuration.places import find_model
from .shared_options import add_revision


SUMMARY = "what a trained folder or a repository of the Hub holds"
EXAMPLE = "mmcot info runs/quickstart"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("model", help="run folder or Hub id")
    add_revision(parser)


def run(options: argparse.Namespace) -> None:
    """Prints what there is."""
    model = find_model(options.model, options.revision)
    from ..hub_card.info import describe

    print(describe(model, options.revision))
