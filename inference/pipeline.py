"""A trained folder or a repository of the Hub as a pipeline, by this package's code or by its own."""

import sys
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi
from transformers import pipeline

from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor


def open_pipeline(model: str, revision: str | None = None, trust_remote_code: bool = False) -> Any:
    """Something to ask.

    Args:
        model: folder or Hub id.
        revision: commit, tag or branch of a Hub id.
        trust_remote_code: run the folder's own Python files, which standard error then names. Else no file of it is
            run: the classes are those of this package.
    """
    if trust_remote_code:
        print(f"Running the code of {model}: {own_code(model, revision)}.", file=sys.stderr)
        if not (revision or Path(model).is_dir()):
            print("Read it, and give --revision COMMIT to run what you read.", file=sys.stderr)
        task: Any = "multimodal-cot"  # which the library learns from the repository
        return pipeline(task, model=model, revision=revision, trust_remote_code=True)
    root = MMCoTForConditionalGeneration.from_pretrained(model, revision=revision, trust_remote_code=False)
    processor = MMCoTProcessor.from_pretrained(model, revision=revision or "main", trust_remote_code=False)
    return MMCoTPipeline(model=root, processor=processor)


def own_code(model: str, revision: str | None) -> str:
    """The names of the Python files of a folder or repository."""
    here = Path(model)
    if here.is_dir():
        names = [path.name for path in here.iterdir()]
    else:
        names = HfApi().list_repo_files(model, revision=revision)
    return ", ".join(sorted(name for name in names if name.endswith(".py")))
