"""`mmcot ask`."""

import argparse
from pathlib import Path


SUMMARY = "answer one question about a picture"
EXAMPLE = (
    "mmcot ask --model runs/quickstart --image runs/quickstart/example_picture.png "
    "--question 'What is in the jar?' --choices gas solid"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--model", required=True, help="run folder or Hub id")
    parser.add_argument("--question", required=True)
    parser.add_argument("--choices", required=True, nargs="+", metavar="OPTION", help="the options, two or more")
    parser.add_argument("--image", nargs="*", help="picture files; none for a question without picture")
    parser.add_argument("--context", help="text the question refers to")


def run(options: argparse.Namespace) -> None:
    """Prints the rationale and the answer."""
    if len(options.choices) < 2:
        raise ValueError("--choices needs at least two options.")
    if options.model.startswith((".", "/", "~")) and not Path(options.model).expanduser().is_dir():
        raise ValueError(f"There is no folder {options.model}; give a trained folder or a Hub id.")
    from transformers import pipeline

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
