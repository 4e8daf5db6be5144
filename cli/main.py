"""The command `mmcot`."""

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import transformers

from .. import __version__
from ..configuration import DataArguments


EXAMPLES = {
    "quickstart": "mmcot quickstart",
    "train": "mmcot train configuration/sketchqa.yaml --output_dir runs/mine --rationale.max_steps 500",
    "predict": "mmcot predict --model runs/quickstart --dataset sketchqa:train=1,validation=1,test=200 "
    "--output predictions.jsonl",
    "evaluate": "mmcot evaluate --model runs/quickstart --dataset sketchqa:train=1,validation=1,test=200 "
    "--output report --ablations",
    "features": "mmcot features configuration/sketchqa.yaml --model.config.freeze_vision true "
    "--dataset sketchqa:train=200,validation=20,test=20",
    "ask": "mmcot ask --model runs/quickstart --image runs/quickstart/example_picture.png "
    "--question 'What is in the jar?' --choices gas solid",
    "push": "mmcot push runs/quickstart someone/sketchqa --dry-run",
    "info": "mmcot info runs/quickstart",
    "convert": "mmcot convert mm-cot-base-rationale.zip converted --answer mm-cot-base-answer.zip "
    "--vision-model google/vit-large-patch32-384",
    "export": "mmcot export runs/quickstart exported --format official",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, or 1 with one line on standard error that says what to do."""
    parser = build_parser()
    options, overrides = parser.parse_known_args(arguments)
    if overrides and options.verb not in (train, features):
        parser.error(f"unrecognized arguments: {' '.join(overrides)}")
    options.overrides = overrides
    transformers.utils.logging.disable_progress_bar()  # of loading and saving, which take no time here
    try:
        options.verb(options)
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
    """All verbs with their options."""
    parser = argparse.ArgumentParser(prog="mmcot", description="Multimodal Chain-of-Thought: look, explain, answer.")
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = add_verb(verbs, "quickstart", quickstart, "train a model on drawn pictures, in minutes")
    verb.add_argument("--output", default="runs/quickstart", help="run folder (default: %(default)s)")
    verb.add_argument("--seed", type=int, default=0, help="of data, weights and training (default: %(default)s)")

    verb = add_verb(verbs, "train", train, "train both stages of a recipe; --key value overrides it")
    verb.add_argument("recipe", help="YAML file")

    verb = add_verb(verbs, "features", features, "compute a recipe's vision features ahead of its training")
    verb.add_argument("recipe", help="YAML file; --key value overrides it")

    verb = add_verb(verbs, "predict", predict, "answer a data set into a file; the same command goes on after a stop")
    verb.add_argument("--model", required=True, help="run folder or Hub id")
    add_data_options(verb)
    verb.add_argument("--output", required=True, type=Path, help="JSON-lines file of predictions")
    verb.add_argument("--batch-size", type=int, default=32, help="problems answered together (default: %(default)s)")

    verb = add_verb(verbs, "evaluate", evaluate, "score predictions, of this or any other system, and write a report")
    source = verb.add_mutually_exclusive_group(required=True)
    source.add_argument("--predictions", type=Path, help="JSON lines with id and answer_text or choice_index")
    source.add_argument("--model", help="instead: run folder or Hub id that is to predict first")
    add_data_options(verb)
    verb.add_argument("--output", required=True, type=Path, help="folder for metrics.json and report.html")
    verb.add_argument("--by", nargs="+", default=[], metavar="COLUMN", help="columns to report accuracy by")
    verb.add_argument("--similarity", metavar="FOLDER", help="sentence encoder to compare rationales with")
    verb.add_argument("--compare", type=Path, metavar="FILE", help="other predictions of the same problems")
    verb.add_argument("--update-card", action="store_true", help="put the ablations into the card of --model, too")
    verb.add_argument("--ablations", action="store_true", help="what pictures and rationales are worth (with --model)")
    verb.add_argument("--batch-size", type=int, default=32, help="problems answered together (default: %(default)s)")

    verb = add_verb(verbs, "ask", ask, "answer one question about a picture")
    verb.add_argument("--model", required=True, help="run folder or Hub id")
    verb.add_argument("--question", required=True)
    verb.add_argument("--choices", required=True, nargs="+", metavar="OPTION", help="the options, two or more")
    verb.add_argument("--image", nargs="*", help="picture files; none for a question without picture")
    verb.add_argument("--context", help="text the question refers to")

    verb = add_verb(verbs, "info", info, "what a trained folder or a repository of the Hub holds")
    verb.add_argument("model", help="run folder or Hub id")

    verb = add_verb(verbs, "push", push, "publish a trained folder on the Hub, in one commit")
    verb.add_argument("folder", help="run folder")
    verb.add_argument("repository", help="org/name on the Hub; made where it does not exist")
    verb.add_argument("--private", action="store_true", help="only you see it")
    verb.add_argument("--revision", help="branch to publish to")
    verb.add_argument("--create-pr", action="store_true", help="open a pull request")
    verb.add_argument("--dry-run", action="store_true", help="only list the files and their sizes")

    verb = add_verb(verbs, "convert", convert, "make a repository of officially released weights")
    verb.add_argument("source", type=Path, help="folder or zip as published: the rationale model, or the only one")
    verb.add_argument("output", type=Path, help="folder to write")
    verb.add_argument("--answer", type=Path, metavar="SOURCE", help="the answer model that belongs to it")
    verb.add_argument(
        "--vision-model", metavar="NAME", help="folder or Hub id of the image encoder it was trained with"
    )

    verb = add_verb(verbs, "export", export, "write a trained folder for other code")
    verb.add_argument("folder", type=Path, help="run folder")
    verb.add_argument("output", type=Path, help="folder to write")
    verb.add_argument("--format", default="official", choices=("official",), help="(default: %(default)s)")
    return parser


def add_verb(verbs, name: str, run, summary: str) -> argparse.ArgumentParser:
    """A verb with its help and an example that works as printed."""
    verb = verbs.add_parser(
        name, help=summary, description=summary, epilog=f"example: {EXAMPLES[name]}", allow_abbrev=False
    )
    verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verb.set_defaults(verb=run)
    return verb


def add_data_options(verb: argparse.ArgumentParser) -> None:
    """Which problems, and how they are read."""
    verb.add_argument("--dataset", required=True, help="folder, file, Hub id or sketchqa")
    verb.add_argument("--split", default="test", help="(default: %(default)s)")
    verb.add_argument("--images", help="folder that picture paths start from")
    verb.add_argument("--captions", help="JSON file of captions by problem id")
    verb.add_argument("--columns", nargs="+", default=[], metavar="THEIRS=OURS", help="renamed columns")
    verb.add_argument("--on-error", default="raise", choices=("raise", "skip"), help="for bad rows")


def data_arguments(options: argparse.Namespace) -> DataArguments:
    """The data options of a verb."""
    pairs = [pair.partition("=") for pair in options.columns]
    for theirs, _, ours in pairs:
        if not theirs or not ours:
            raise ValueError("--columns takes THEIRS=OURS pairs, such as explanation=solution.")
    columns = {theirs: ours for theirs, _, ours in pairs}
    return DataArguments(columns, options.images, options.captions, on_error=options.on_error)


def quickstart(options: argparse.Namespace) -> None:
    """`mmcot quickstart`."""
    from .quickstart import run_quickstart

    run_quickstart(Path(options.output), options.seed)


def train(options: argparse.Namespace) -> None:
    """`mmcot train`."""
    from ..configuration import load_recipe
    from ..training.two_stage import run_recipe

    run_recipe(load_recipe(options.recipe, options.overrides), say=partial(print, flush=True))


def features(options: argparse.Namespace) -> None:
    """`mmcot features`."""
    from ..configuration import load_recipe
    from ..training.train_model import fill_features

    fill_features(load_recipe(options.recipe, options.overrides), say=partial(print, flush=True))


def predict(options: argparse.Namespace) -> None:
    """`mmcot predict`."""
    from ..inference.predict import predict_file

    data = data_arguments(options)
    predict_file(options.model, options.dataset, options.split, options.output, data, options.batch_size)


def evaluate(options: argparse.Namespace) -> None:
    """`mmcot evaluate`."""
    from ..data import load_splits, pick_split
    from ..evaluation.ablations import run_ablations
    from ..evaluation.files import evaluate_file, headline
    from ..evaluation.scores import with_whole_rationales
    from ..hub_card.card import add_ablations
    from ..inference.predict import load_trained, predict_file
    from ..modeling_mmcot import MMCoTProcessor

    data, ablated = data_arguments(options), None
    if options.update_card and not options.ablations:
        raise ValueError("--update-card puts ablations into a card; give --ablations, too.")
    if options.ablations and not options.model:
        raise ValueError("--ablations asks a model again without its pictures; give --model instead of --predictions.")
    dataset = pick_split(load_splits(options.dataset, data), options.split)
    if options.model:
        options.predictions = options.output / "predictions.jsonl"
        rows = predict_file(
            options.model, options.dataset, options.split, options.predictions, data, options.batch_size
        )
    if options.ablations:
        models, processor, features = load_trained(options.model)
        size = options.batch_size
        ablated = run_ablations(models, processor, dataset, rows, features=features, batch_size=size)
    if options.model:
        dataset = with_whole_rationales(dataset, MMCoTProcessor.from_pretrained(options.model))
    compared = options.compare
    metrics = evaluate_file(
        options.predictions, dataset, options.output, options.by, options.similarity, compared, ablated
    )
    if options.update_card:
        report = json.loads((options.output / "metrics.json").read_text(encoding="utf-8"))
        add_ablations(Path(options.model), report["ablations"])
    print(f"{headline(metrics)}\nThe report is {options.output / 'report.html'}.")


def ask(options: argparse.Namespace) -> None:
    """`mmcot ask`."""
    from transformers import pipeline

    if len(options.choices) < 2:
        raise ValueError("--choices needs at least two options.")
    if options.model.startswith((".", "/", "~")) and not Path(options.model).expanduser().is_dir():
        raise ValueError(f"There is no folder {options.model}; give a trained folder or a Hub id.")
    pipe = pipeline("multimodal-cot", model=options.model, trust_remote_code=True)
    answer = pipe(
        question=options.question, choices=options.choices, image=options.image or None, context=options.context
    )
    if answer["rationale"] is not None:
        print(f"Rationale: {answer['rationale']}")
    if answer["parsed"]:
        print(f"Answer: ({answer['answer']}) {answer['choice']}")
    else:
        print(f"Answer: none of the options could be read from {answer['answer_text']!r}")


def info(options: argparse.Namespace) -> None:
    """`mmcot info`."""
    from ..hub_card.info import describe

    print(describe(options.model))


def push(options: argparse.Namespace) -> None:
    """`mmcot push`."""
    from ..hub_card.publish import planned_files, publish

    if options.dry_run:
        files = planned_files(options.folder)
        print("\n".join(f"{size:>14,}  {name}" for name, size in files))
        print(f"{sum(size for _, size in files):>14,}  bytes in {len(files)} files; nothing was sent")
        return
    commit = publish(options.folder, options.repository, options.private, options.revision, options.create_pr)
    print(f"Published at {commit.pr_url or commit.repo_url}, commit {commit.oid}.")


def convert(options: argparse.Namespace) -> None:
    """`mmcot convert`."""
    from ..conversion.convert import convert_checkpoint

    convert_checkpoint(options.source, options.output, options.answer, options.vision_model)


def export(options: argparse.Namespace) -> None:
    """`mmcot export`."""
    from ..conversion.export import export_official

    export_official(options.folder, options.output)
    print(f"Written to {options.output}.")
