"""`mmcot features`."""

import argparse
from functools import partial

from ..configuration.places import find_parts
from ..configuration.recipe_file import read_settings


SUMMARY = "compute a recipe's vision features ahead of its training"
EXAMPLE = (
    "mmcot features configuration/sketchqa.yaml --model.config.freeze_vision true "
    "--dataset sketchqa:train=200,validation=20,test=20"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes, beside the keys of a recipe."""
    parser.add_argument("recipe", help="YAML file; --key value overrides it")
    parser.set_defaults(takes_overrides=True)


def run(options: argparse.Namespace) -> None:
    """Fills the cache of vision features."""
    settings = read_settings(options.recipe, options.overrides)
    find_parts(settings)  # before seconds of imports
    from ..configuration.recipe import build_recipe
    from ..training.run_features import fill_features

    fill_features(build_recipe(settings), say=partial(print, flush=True))
