"""`mmcot ask`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..configuration.places import find_model
from .shared_options import add_revision


if TYPE_CHECKING:
    from transformers import Pipeline


SUMMARY = "answer one question about a picture"
EXAMPLE = (
    "mmcot ask --model runs/quickstart --image runs/quickstart/example_picture.png "
    "--question 'What is in the jar?' --choices gas solid"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("--model", required=True, help="run folder or Hub id")
    add_revision(parser)
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="run the model's own Python files, not those of this package"
    )
    parser.add_argument("--question", required=True)
    parser.add_argument("--choices", required=True, nargs="+", metavar="OPTION", help="the options, two or more")
    parser.add_argument("--image", nargs="*", help="picture files; none for a question without picture")
    parser.add_argument("--context", help="text the question refers to")


def run(options: argparse.Namespace) -> int:
    """Prints the rationale and the answer; the exit code says whether there is one."""
    if len(options.choices) < 2:
        raise ValueError("--choices needs at least two options.")
    model = find_model(options.model, options.revision)
    pipe = (own_pipeline if options.trust_remote_code else installed_pipeline)(model, options.revision)
    question = {"question": options.question, "choices": options.choices, "context": options.context}
    answer = pipe(question | {"image": options.image or None})
    if answer["rationale"] is not None:
        print(f"Rationale: {answer['rationale']}")
    if not answer["parsed"]:
        print(f"Answer: none of the options could be read from {answer['answer_text']!r}")
        return 1
    print(f"Answer: ({answer['answer']}) {answer['choice']}")
    return 0


def installed_pipeline(model: str, revision: str | None) -> Pipeline:
    """The model with this package's code; no file of its folder is run."""
    from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor

    root = MMCoTForConditionalGeneration.from_pretrained(model, revision=revision, trust_remote_code=False)
    processor = MMCoTProcessor.from_pretrained(model, revision=revision or "main", trust_remote_code=False)
    return MMCoTPipeline(model=root, processor=processor)


def own_pipeline(model: str, revision: str | None) -> Pipeline:
    """The model with the code of its folder or repository, which the user is told of."""
    from huggingface_hub import HfApi
    from transformers import pipeline

    here = Path(model)
    names = (
        [path.name for path in here.iterdir()] if here.is_dir() else HfApi().list_repo_files(model, revision=revision)
    )
    code = ", ".join(sorted(name for name in names if name.endswith(".py")))
    advice = "" if here.is_dir() or revision else " Read it, and give --revision COMMIT to run what you read."
    print(f"Running the code of {model}: {code}. {advice}", file=sys.stderr)
    task: Any = "multimodal-cot"  # which the library learns from the repository
    return pipeline(task, model=model, revision=revision, trust_remote_code=True)
