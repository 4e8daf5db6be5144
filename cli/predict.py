"""`mmcot predict`."""

import argparse
from pathlib import Path

from ..configuration.places import find_dataset, find_model
from ..inference.engine_choice import find_export
from .shared_options import add_batch_size, add_data_options, add_engine, add_revision, data_arguments


SUMMARY = "answer a data set into a file; the same command goes on after a stop"
EXAMPLE = (
    "mmcot predict --model runs/quickstart --dataset sketchqa:train=1,validation=1,test=200 --output predictions.jsonl"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--model", required=True, help="run folder or Hub id")
    add_revision(parser)
    add_data_options(parser)
    parser.add_argument("--output", required=True, type=Path, help="JSON-lines file of predictions")
    add_batch_size(parser)
    add_engine(parser)


def run(options: argparse.Namespace) -> None:
    """Answers the data set."""
    model = find_model(options.model, options.revision)
    find_dataset(options.dataset)
    export = find_export(model, options.engine)
    from ..inference.predict import predict_file

    data, size, revision = data_arguments(options), options.batch_size, options.revision
    predict_file(model, options.dataset, options.split, options.output, data, size, revision, export=export)
