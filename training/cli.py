"""The command `mmcot`."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import transformers

import mmcot


EXAMPLES = {
    "quickstart": "mmcot quickstart",
    "train": "mmcot train configuration/sketchqa.yaml --output_dir runs/mine --rationale.max_steps 500",
    "ask": "mmcot ask --model runs/quickstart --image runs/quickstart/example_picture.png "
    "--question 'What is in the jar?' --choices gas solid",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code: 0, or 1 with one line on standard error that says what to do."""
    parser = build_parser()
    options, overrides = parser.parse_known_args(arguments)
    if overrides and options.verb is not train:
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
    parser.add_argument("--version", action="version", version=mmcot.__version__)
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    verb = add_verb(verbs, "quickstart", quickstart, "train a model on drawn pictures, in minutes")
    verb.add_argument("--output", default="runs/quickstart", help="run folder (default: %(default)s)")
    verb.add_argument("--seed", type=int, default=0, help="of data, weights and training (default: %(default)s)")

    verb = add_verb(verbs, "train", train, "train both stages of a recipe; --key value overrides it")
    verb.add_argument("recipe", help="YAML file")

    verb = add_verb(verbs, "ask", ask, "answer one question about a picture")
    verb.add_argument("--model", required=True, help="run folder or Hub id")
    verb.add_argument("--question", required=True)
    verb.add_argument("--choices", required=True, nargs="+", metavar="OPTION", help="the options, two or more")
    verb.add_argument("--image", nargs="*", help="picture files; none for a question without picture")
    verb.add_argument("--context", help="text the question refers to")
    return parser


def add_verb(verbs, name: str, run, summary: str) -> argparse.ArgumentParser:
    """A verb with its help and an example that works as printed."""
    verb = verbs.add_parser(
        name, help=summary, description=summary, epilog=f"example: {EXAMPLES[name]}", allow_abbrev=False
    )
    verb.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verb.set_defaults(verb=run)
    return verb


def quickstart(options: argparse.Namespace) -> None:
    """`mmcot quickstart`."""
    from mmcot.training.quickstart import run_quickstart

    run_quickstart(Path(options.output), options.seed)


def train(options: argparse.Namespace) -> None:
    """`mmcot train`."""
    from mmcot.configuration import load_recipe
    from mmcot.training.two_stage import run_two_stage

    run_two_stage(load_recipe(options.recipe, options.overrides), say=partial(print, flush=True))


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
    print(f"Rationale: {answer['rationale']}")
    if answer["parsed"]:
        print(f"Answer: ({answer['answer']}) {answer['choice']}")
    else:
        print(f"Answer: none of the options could be read from {answer['answer_text']!r}")


if __name__ == "__main__":
    sys.exit(main())
