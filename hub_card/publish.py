"""A trained folder becomes a repository on the Hub, in one commit."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

import yaml
from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # of the HTTP library that the client uses, whichever that is
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id

from ..modeling_mmcot.configuration_mmcot import STAGES
from .card import name_repository, without_local_paths


# All that is published: these at the root and in the folder of each stage,
MODEL_FILES = (
    "*_mmcot.py",
    "*.safetensors",
    "*.safetensors.index.json",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
)
# and these at the root. Everything else stays at home: `run/`, checkpoints, logs, notes, caches.
ROOT_FILES = (
    *("processor_config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"),
    *("special_tokens_map.json", "added_tokens.json", "spiece.model", "chat_template.jinja"),
    *("*.md", "LICENSE*", "*.png", "recipe.yaml", "metrics.json", "results.json", "predictions.jsonl"),
)
ADAPTER_CONFIG = "adapter_config.json"
GO_ON = "Check the network and repeat the command, which goes on."


def publish(
    folder: str | Path,
    repo_id: str,
    private: bool = False,
    revision: str | None = None,
    create_pr: bool = False,
) -> CommitInfo:
    """Uploads a trained folder in one commit. Weights, code and settings there that the folder lacks are deleted.

    What an interrupted upload sent is not sent again, and a folder that is published already makes no new commit.

    Args:
        folder: what a training wrote, see [`check_repository`].
        repo_id: `org/name`, or a `name` of your own. Made where it does not exist.
        private: whether only you see it. A public repository that exists is then refused.
        revision: branch to publish to, made where it does not exist; the main one by default.
        create_pr: open a pull request, for the owner to accept.

    Returns:
        The commit: `commit_url`, `oid`, and `pr_url` of a pull request.

    Raises:
        ValueError: for a folder that is not complete, a name that cannot be, or a public repository.
        OSError: if the Hub is not reached, or refuses.
    """
    folder, api = Path(folder), HfApi()
    names = [name for name, _ in planned_files(folder)]
    repo_id = open_repository(repo_id, private, create_pr)
    with readable_errors(repo_id):
        if revision and not create_pr:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        # Old weights could be loaded in place of these, and a stage that has no folder any more may have had one.
        # Papers and pictures there may be of another hand.
        there, places = api.list_repo_files(repo_id, revision=revision), {*STAGES, *stage_folders(folder).values()}
        outdated = [name for name in there if name not in names and is_model_file(name, places)]
        additions = [CommitOperationAdd(name, content_of(folder / name, repo_id)) for name in names]
        return api.create_commit(
            repo_id,
            [*additions, *map(CommitOperationDelete, outdated)],
            commit_message=f"Publish {folder.resolve().name}",
            revision=revision,
            create_pr=create_pr,
        )


def open_repository(repo_id: str, private: bool = False, create_pr: bool = False) -> str:
    """Makes a repository where there is none; see [`publish`], before which there is no need to call this.

    A repository that exists has to be one that you may write to, or with `create_pr` read.

    Returns:
        Its whole name, with the namespace.
    """
    api = HfApi()
    with readable_errors(repo_id):
        validate_repo_id(repo_id)
        if get_token() is None:
            raise OSError("There is no token for the Hub. Log in with `hf auth login`, or set HF_TOKEN.")
        repo_id = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        if private and not api.model_info(repo_id).private:
            raise ValueError(f"{repo_id} exists and everyone can read it. Make it private first, or use another name.")
        if not create_pr:
            api.auth_check(repo_id, write=True)
    return repo_id


def planned_files(folder: str | Path) -> list[tuple[str, int]]:
    """What of a folder is published: paths within it and their sizes in bytes.

    Raises:
        ValueError: for a folder that is not complete, see [`check_repository`].
    """
    folder = Path(folder)
    check_repository(folder)
    stages = stage_folders(folder)
    paths = [path for stage in {".", *stages.values()} for path in (folder / stage).iterdir() if path.is_file()]
    names = sorted(path.relative_to(folder).as_posix() for path in paths)
    return [(name, (folder / name).stat().st_size) for name in names if is_published(name, stages)]


def is_published(name: str, stages: Mapping[str, str]) -> bool:
    """Whether a path within a folder is of a kind, and in a place, that is published."""
    at_root = PurePosixPath(name).parent == PurePosixPath(".")
    return is_model_file(name, stages.values()) or (
        at_root and any(fnmatchcase(name, pattern) for pattern in ROOT_FILES)
    )


def is_model_file(name: str, folders: Iterable[str]) -> bool:
    """Whether a path is part of the model at the root or in one of these folders."""
    path = PurePosixPath(name)
    in_place = path.parent in map(PurePosixPath, (".", *folders))
    return in_place and any(fnmatchcase(path.name, pattern) for pattern in MODEL_FILES)


def content_of(path: Path, repo_id: str) -> Path | bytes:
    """What is uploaded of a file. Cards and adapters name the repository itself, and none a place of this machine."""
    if path.name == "README.md":
        return name_repository(path.read_text(encoding="utf-8"), repo_id).encode()
    if path.name == "recipe.yaml":
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
        return yaml.safe_dump(without_local_paths(settings), sort_keys=False, allow_unicode=True).encode()
    if path.name not in ("config.json", ADAPTER_CONFIG):
        return path
    config = json.loads(path.read_text(encoding="utf-8"))
    if path.name == ADAPTER_CONFIG:
        config |= {"base_model_name_or_path": repo_id, "revision": None}
    return (json.dumps(without_local_paths(config), indent=2, sort_keys=True) + "\n").encode()


def check_repository(folder: Path) -> None:
    """Refuses a folder that would not load: configuration, code, processor, and the weights of root and stages.

    Raises:
        ValueError: names what is missing and how to get it.
    """
    stages = stage_folders(folder)
    code = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("auto_map", {})
    needed = {reference.partition(".")[0] + ".py" for reference in code.values()}
    missing = [name for name in (*sorted(needed), "processor_config.json") if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in ("tokenizer.json", "spiece.model")):
        missing.append("tokenizer.json")
    if missing:
        raise ValueError(
            f"{folder} has no {', '.join(missing)}. Save model and processor into it, then publish again."
        )
    for name, stage_folder in {"base": ".", **stages}.items():
        path = folder / stage_folder
        if not has_weights(path):
            raise ValueError(f"{path} lacks weights of the {name} model. Repeat the training command, which goes on.")


def stage_folders(folder: Path) -> dict[str, str]:
    """Sub-folder of each stage, by the configuration at the root.

    Raises:
        ValueError: where that is no configuration of this kind of model.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise ValueError(f"{folder} has no config.json; give the folder that a training wrote.")
    config = json.loads(path.read_text(encoding="utf-8"))
    if "stages" not in config:
        raise ValueError(f"{path} names no stages, so it is no mmcot model; give the folder that a training wrote.")
    return config["stages"]


def has_weights(folder: Path) -> bool:
    """Whether a folder holds a whole model or an adapter, with all files that an index names."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        return all((folder / shard).is_file() for shard in shards)
    kinds = (("config.json", "model.safetensors"), (ADAPTER_CONFIG, "adapter_model.safetensors"))
    return any(all((folder / name).is_file() for name in names) for names in kinds)


@contextmanager
def readable_errors(repo_id: str) -> Iterator[None]:
    """Says in one line what to do about a refusal of the Hub, or its silence."""
    try:
        yield
    except HFValidationError as error:
        rule = "Use org/name, of letters, digits, '-', '_' and '.', at most 96 of them."
        raise ValueError(f"{repo_id!r} cannot be the name of a repository. {rule}") from error
    except OfflineModeIsEnabled as error:
        raise ConnectionError("HF_HUB_OFFLINE is set, so nothing can be published. Unset it.") from error
    except HfHubHTTPError as error:
        raise OSError(refusal(error, repo_id)) from error
    except HTTPError as error:
        raise ConnectionError(f"The Hub at {HfApi().endpoint} does not answer ({error}). {GO_ON}") from error
    except RuntimeError as error:  # what the client makes of any failure to send a large file
        raise ConnectionError(f"{error} {GO_ON}") from error


def refusal(error: HfHubHTTPError, repo_id: str) -> str:
    """What an answer of the Hub means for the person who wants to publish."""
    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return f"{repo_id} is gated. Ask for access on its page, or publish under another name."
    if isinstance(error, RevisionNotFoundError):
        return f"{repo_id} has no such branch. Leave out revision, or make the branch first."
    if status == 401:
        return "The Hub does not know your token. Make one at its page of settings and log in with `hf auth login`."
    if status == 403:
        return f"Your token may not write to {repo_id}. Use one with write access, or a name of your own."
    if isinstance(error, RepositoryNotFoundError):
        return f"The name {repo_id} is taken by a repository that you cannot see. Use another name."
    return f"The Hub refused {repo_id}: {error.server_message or error}. Repeat the command, or use another name."
