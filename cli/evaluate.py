"""`mmcot evaluate`."""

import argparse
from pathlib import Path
from typing import Any

from ..configuration.places import find_dataset, find_model
from ..inference.engine_choice import find_export
from .shared_options import add_batch_size, add_data_options, add_engine, add_revision, data_arguments


SUMMARY = "score predictions, of this or any other system, and write a report"
EXAMPLE = (
    "mmcot evaluate --model runs/quickstart --dataset sketchqa:train=1,validation=1,test=200 "
    "--output report --ablations"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--predictions", type=Path, help="JSON lines with id and answer_text or choice_index")
    source.add_argument("--model", help="instead: run folder or Hub id that is to predict first")
    add_revision(parser)
    add_data_options(parser)
    parser.add_argument("--output", required=True, type=Path, help="folder for metrics.json and report.html")
    parser.add_argument("--by", nargs="+", default=[], metavar="COLUMN", help="columns to report accuracy by")
    parser.add_argument("--similarity", metavar="FOLDER", help="sentence encoder to compare rationales with")
    parser.add_argument("--compare", type=Path, metavar="FILE", help="other predictions of the same problems")
    parser.add_argument("--update-card", action="store_true", help="put the ablations into the card of --model, too")
    parser.add_argument("--ablations", action="store_true", help="which stage looks and which reasons (with --model)")
    add_batch_size(parser)
    add_engine(parser)


def run(options: argparse.Namespace) -> None:
    """Predicts where a model is given, then scores the predictions and writes the report."""
    if options.update_card and not options.ablations:
        raise ValueError("--update-card puts ablations into a card; give --ablations, too.")
    if options.ablations and not options.model:
        raise ValueError("--ablations asks a model again without its pictures; give --model instead of --predictions.")
    if options.revision and not options.model:
        raise ValueError("--revision is one of --model; leave it out.")
    revision = options.revision
    model = find_model(options.model, revision) if options.model else ""
    export = find_export(model, options.engine, "--ablations" if options.ablations else None) if model else None
    find_dataset(options.dataset)
    from ..configuration.metrics import scored_kinds
    from ..configuration.repository import PREDICTIONS_FILE
    from ..data import load_splits, pick_split
    from ..evaluation.ablations import run_ablations
    from ..evaluation.baselines import answer_blank, answer_blank_with, blank_sample
    from ..evaluation.files import evaluate_file, headline
    from ..evaluation.findings import conclude
    from ..evaluation.scores import with_whole_rationales
    from ..hub_card.card import add_ablations
    from ..inference.load import load_trained
    from ..inference.onnx_predict import OnnxPredictor
    from ..inference.predict import predict_file

    data, ablated, blank = data_arguments(options), None, []
    splits = load_splits(options.dataset, data)
    dataset = pick_split(splits, options.split)
    train = None if dataset is splits.get("train") else splits.get("train")
    if model:
        options.predictions = options.output / PREDICTIONS_FILE
        size = options.batch_size
        source, split = options.dataset, options.split
        rows = predict_file(model, source, split, options.predictions, data, size, revision, export=export)
        sample = dataset.select(blank_sample(len(dataset)))
        processor: Any
        if export is not None:
            predictor = OnnxPredictor(export, size)
            processor, blank = predictor.words, answer_blank_with(predictor.predict, sample) if predictor.looks else []
        else:
            models, processor, features = load_trained(model, revision)
            again: dict[str, Any] = {"features": features, "batch_size": size}
            if options.ablations:
                ablated = run_ablations(models, processor, dataset, rows, say=print, **again)
            else:
                blank = answer_blank(models, processor, sample, rows, **again)
        dataset = with_whole_rationales(dataset, processor)
    compared, encoder = options.compare, options.similarity
    metrics = evaluate_file(
        options.predictions, dataset, options.output, options.by, encoder, compared, ablated, blank, train
    )
    if options.update_card:
        for kind, scores in scored_kinds(metrics):
            add_ablations(Path(model), scores["ablations"], conclude(scores["ablations"]), kind)
    print(f"{headline(metrics)}\nThe report is {options.output / 'report.html'}.")
