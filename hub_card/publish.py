"""A trained folder becomes a repository on the Hub, in one commit."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

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

from ..configuration.repository import CONFIG_FILE, GENERATION_CONFIG_FILE
from ..configuration.weight_files import ADAPTER_CONFIG_FILE
from ..modeling_mmcot.stage_records_mmcot import STAGES
from .contents import check_repository, content_of, published_files
from .leaderboard import leaderboard_file


# Files of a model on the Hub that would be loaded in place of those of the folder.
MODEL_FILES = (
    "*_mmcot.py",
    "*.safetensors",
    "*.safetensors.index.json",
    CONFIG_FILE,
    GENERATION_CONFIG_FILE,
    ADAPTER_CONFIG_FILE,
)
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
    repository = check_repository(folder)
    names = published_files(repository)
    repo_id = create_repository(repo_id, private, create_pr)
    with readable_errors(repo_id):
        if revision and not create_pr:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        # A stage that has no folder any more may have had one. Papers and pictures may be of another hand.
        places = {*STAGES, *repository.model_folders}
        published_before = api.list_repo_files(repo_id, revision=revision)
        outdated = [name for name in published_before if name not in names and is_model_file(name, places)]
        additions = [CommitOperationAdd(name, content_of(folder / name, repo_id)) for name in names]
        additions += [CommitOperationAdd(name, content) for name, content in leaderboard_file(repository).items()]
        return api.create_commit(
            repo_id,
            [*additions, *map(CommitOperationDelete, outdated)],
            commit_message=f"Publish {folder.resolve().name}",
            revision=revision,
            create_pr=create_pr,
        )


def is_model_file(name: str, folders: Iterable[str]) -> bool:
    """Whether a path on the Hub is part of the model in one of these folders."""
    path = PurePosixPath(name)
    in_place = path.parent in map(PurePosixPath, folders)
    return in_place and any(fnmatchcase(path.name, pattern) for pattern in MODEL_FILES)


def create_repository(repo_id: str, private: bool = False, create_pr: bool = False) -> str:
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
