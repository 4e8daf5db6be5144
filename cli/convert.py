"""`mmcot convert`."""

import argparse
from pathlib import Path

from ..configuration.places import find_model


SUMMARY = "make a repository of officially released weights"
EXAMPLE = (
    "mmcot convert mm-cot-base-rationale.zip converted --answer mm-cot-base-answer.zip "
    "--vision-model google/vit-large-patch32-384"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the verb takes."""
    parser.add_argument("source", type=Path, help="folder or zip as published: the rationale model, or the only one")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--answer", type=Path, metavar="SOURCE", help="the answer model that belongs to it")
    parser.add_argument(
        "--vision-model", metavar="NAME", help="folder or Hub id of the image encoder it was trained with"
    )


def run(options: argparse.Namespace) -> None:
    """Writes the repository."""
    for source in filter(None, (options.source, options.answer)):
        if not source.exists():
            raise ValueError(f"{source}: there is no such file or folder.")
    vision_model = options.vision_model and find_model(options.vision_model)
    from ..conversion.convert import convert_checkpoint

    convert_checkpoint(options.source, options.output, options.answer, vision_model)
