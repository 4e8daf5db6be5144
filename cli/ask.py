"""`mmcot ask`."""

import argparse
import sys
from typing import Any

from ..configuration.places import find_model
from ..inference.engine_choice import find_export
from .shared_options import add_engine, add_model, whole_number


SUMMARY = "answer questions about pictures: one, a file of them, or at a prompt"
EXAMPLE = (
    "mmcot ask --model runs/quickstart --image runs/quickstart/example_picture.png "
    "--question 'What is in the jar?' --choices gas solid"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    add_model(parser)
    add_engine(parser)
    parser.set_defaults(is_light=True)
    parser.add_argument(
        "--question",
        help="without one, questions are read as JSON lines from standard input, or asked for at a prompt",
    )
    parser.add_argument(
        "--choices", nargs="+", metavar="OPTION", help="the options, two or more; without, it answers in words"
    )
    parser.add_argument("--image", nargs="*", help="picture files; none for a question without picture")
    parser.add_argument("--context", help="text the question refers to")
    parser.add_argument("--json", action="store_true", help="print what the pipeline gives, a line for each question")
    parser.add_argument("--explain", metavar="FILE", help="draw where it looked, into a picture file (PNG, SVG, PDF)")
    parser.add_argument("--samples", type=whole_number(1, 1000), help="so many rationales vote")


def only_torch(options: argparse.Namespace) -> str | None:
    """What is asked for and only torch can do."""
    return "--explain" if options.explain else "--trust-remote-code" if options.trust_remote_code else None


def run(options: argparse.Namespace) -> int:
    """Prints rationale and answer; the exit code is 1 where a question has no answer."""
    given = [name for name in ("choices", "image", "context", "explain") if getattr(options, name)]
    if options.question is None and given:
        raise ValueError(f"--{given[0]} belongs to a --question; give one.")
    if options.question is not None and len(options.choices or ()) == 1:
        raise ValueError("--choices needs at least two options; leave it out for a question without.")
    model = find_model(options.model, options.revision)
    from . import conversation

    export = find_export(model, options.engine, only_torch(options))
    if export is None:
        from ..inference.pipeline import open_pipeline
        from .progress_bars import hide_bars_of_loading

        hide_bars_of_loading()
        pipe = open_pipeline(model, options.revision, options.trust_remote_code)
    else:
        from ..engine import OnnxPipeline

        pipe = OnnxPipeline(export)
    settings: dict[str, Any] = {"num_samples": options.samples} if options.samples else {}
    if options.explain:
        pipe, settings["explain"] = conversation.explaining(pipe, options.explain), True
    show = conversation.show_json if options.json else conversation.show_answer
    if options.question is not None:
        question = {"question": options.question, "choices": options.choices, "context": options.context}
        return show(pipe, question | {"image": options.image or None}, settings)
    if sys.stdin.isatty():
        return conversation.hold(pipe, show, settings)
    return conversation.answer_lines(sys.stdin, pipe, show, settings)
