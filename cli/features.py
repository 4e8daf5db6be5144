"""`mmcot features`."""

import argparse
from functools import partial


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
    from ..configuration import load_recipe
    from ..training.train_model import fill_features

    fill_features(load_recipe(options.recipe, options.overrides), say=partial(print, flush=True))
