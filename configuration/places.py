"""What a name leads to: a folder of this machine, or a repository of the Hub. Importing this is quick.

The libraries find that out, too, but after a minute of tries where the Hub is out of reach, and then blame the folder.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from .annotations import nearest


# Seconds that the Hub has to say whether it knows a name.
PATIENCE = 3
CHECK = "check the name and the network"


def find_model(name: str, revision: str | None = None) -> str:
    """Where a model is: an existing folder, or the id of a repository that the Hub, or its cache here, has.

    Raises:
        ValueError: where that is nowhere; the message says where it was looked for and which name is nearest.
    """
    if Path(name).expanduser().is_file():
        raise ValueError(f"{name} is a file; give the folder of a model or a Hub id.")
    return find(name, "model", revision)


def find_parts(settings: Mapping[str, Any]) -> None:
    """Refuses settings of a recipe that name a checkpoint or a data set that is nowhere, see [`find_model`].

    What is wrong with the settings themselves is left to the recipe.
    """
    model = settings["model"] if isinstance(settings.get("model"), dict) else {}
    for key in ("from", "text_model", "tokenizer", "vision_model"):
        name = model.get(key)
        if isinstance(name, str):
            revision = model.get("revision") if key == "from" else None
            find_model(name, None if revision is None else str(revision))
    dataset = settings.get("dataset")
    if isinstance(dataset, str):
        find_dataset(dataset)


def find_dataset(spec: str) -> None:
    """Refuses a data set spec that can only be a Hub id, and that the Hub does not have, see [`find_model`]."""
    if "/" in spec and not Path(spec).suffix:
        find(spec, "dataset")


def find(name: str, kind: str, revision: str | None = None) -> str:
    """The path or id of a `model` or `dataset`."""
    path = Path(name).expanduser()
    if path.exists():
        if revision:
            raise ValueError(f"{name} is here and has no revisions, only the Hub's have; leave out {revision!r}.")
        return os.path.expanduser(name)
    fault = fault_of_name(name, kind, revision)
    if fault:
        raise ValueError(f"There is no folder {name}{did_you_mean(name)}{fault}.")
    return name


def did_you_mean(name: str) -> str:
    """Names a folder beside the one that is missing, if it is called much the same."""
    missing = Path(name).expanduser()
    beside = [path.name for path in missing.parent.iterdir() if path.is_dir()] if missing.parent.is_dir() else []
    similar = nearest(missing.name, beside, cutoff=0.6)
    return f" (did you mean {missing.with_name(similar)}?)" if similar else ""


def fault_of_name(name: str, kind: str, revision: str | None) -> str:
    """Why a repository cannot be had from the Hub, as the end of a sentence; nothing where it can."""
    from huggingface_hub import constants
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return "; give a folder that exists or a Hub id"
    if is_cached(name, kind, revision):
        return ""
    if constants.HF_HUB_OFFLINE:
        return ", and HF_HUB_OFFLINE is set, so the Hub is not asked"
    fault = fault_of_hub(name, kind, revision)
    return f", and {fault}" if fault else ""


def is_cached(name: str, kind: str, revision: str | None) -> bool:
    """Whether a repository was used here before, so that it can be again without the Hub."""
    from huggingface_hub import try_to_load_from_cache

    described = {"model": "config.json", "dataset": "README.md"}[kind]
    return isinstance(try_to_load_from_cache(name, described, repo_type=kind, revision=revision), str)


def fault_of_hub(name: str, kind: str, revision: str | None) -> str:
    """Why the Hub does not give a repository; nothing where it does."""
    from huggingface_hub import HfApi

    answers: SimpleQueue[Exception | None] = SimpleQueue()

    def ask() -> None:
        try:
            HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=PATIENCE)
            answers.put(None)
        except Exception as error:  # told to the person who waits for it
            answers.put(error)

    # On a thread, because no time limit of the client covers the look-up of the Hub's address.
    Thread(target=ask, daemon=True).start()
    try:
        return explain(answers.get(timeout=PATIENCE), f"{kind} {name}")
    except Empty:
        return f"the Hub at {HfApi().endpoint} did not answer within {PATIENCE} seconds; {CHECK}"


def explain(error: Exception | None, wanted: str) -> str:
    """What an answer of the Hub means for somebody who wants a repository."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    match error:
        case None:
            return ""
        case GatedRepoError():
            return f"the Hub gives the {wanted} only to those who asked for access on its page"
        case RevisionNotFoundError():
            return f"the {wanted} of the Hub has no such revision"
        case RepositoryNotFoundError():
            return f"the Hub has no {wanted} that you may read; check the name and your token"
        case HfHubHTTPError():
            return f"the Hub refused the {wanted}: {error.server_message or error}"
    return f"the Hub at {HfApi().endpoint} cannot be reached ({error}); {CHECK}"
