"""`mmcot train`."""

import argparse
from functools import partial

from ..configuration.places import find_parts
from ..configuration.recipe_file import read_settings


SUMMARY = "train both stages of a recipe; --key value overrides it"
EXAMPLE = "mmcot train configuration/sketchqa.yaml --output_dir runs/mine --rationale.max_steps 500"


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes, beside the keys of a recipe."""
    parser.add_argument("recipe", help="YAML file")
    parser.set_defaults(takes_overrides=True)


def run(options: argparse.Namespace) -> None:
    """Trains what the recipe says."""
    settings = read_settings(options.recipe, options.overrides)
    find_parts(settings)  # before seconds of imports
    from ..configuration.recipe import build_recipe
    from ..training.two_stage import run_recipe

    run_recipe(build_recipe(settings), say=partial(print, flush=True))
