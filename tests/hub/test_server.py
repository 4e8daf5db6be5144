"""The test server against the plain client: what a push sends, what a pull gets, and what an error is called."""

import io
import subprocess

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from .repository import File, git_oid, tree_oids
from .server import HubServer


REPO = "org/model"
CARD = "---\npipeline_tag: image-text-to-text\ntags:\n- mmcot\n---\n# Model\n"


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as server:
        yield server


@pytest.fixture
def client(hub):
    """Function of a token (none by default): a client of the server."""
    return lambda token=False: HfApi(hub.url, token=token)


@pytest.fixture
def owner(client):
    return client("hf_owner")


def push(api, repo=REPO, weights=b"one", **options):
    files = {"model.safetensors": weights, "answer/model.safetensors": weights * 2, "README.md": CARD.encode()}
    operations = [CommitOperationAdd(name, content) for name, content in files.items()]
    return api.create_commit(repo, operations, commit_message="Push", **options)


@pytest.fixture
def pushed(owner):
    """A repository with one commit of a client."""
    owner.create_repo(REPO)
    return push(owner)


def test_names_are_those_of_git(tmp_path):
    files = {"b.txt": b"b", "a/x.txt": b"x", "a/y/z.txt": b"z", "a.txt": b"a"}
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    tree = subprocess.run(["git", "write-tree"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert tree_oids({name: File(content, False) for name, content in files.items()})[""] == tree.strip()
    assert git_oid("blob", b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_new_repository_begins_as_on_the_hub(owner):
    assert owner.create_repo(REPO).repo_id == REPO
    assert owner.list_repo_files(REPO) == [".gitattributes"]
    assert owner.whoami()["name"] == "owner"


def test_push_is_one_commit_with_large_files_in_the_storage(hub, owner, pushed):
    assert [commit.title for commit in owner.list_repo_commits(REPO)] == ["Push", "initial commit"]
    assert pushed.commit_url == f"{hub.url}/{REPO}/commit/{pushed.oid}"
    assert len([method for method, _ in hub.requests if method == "PUT"]) == 2
    entries = {entry.path: entry for entry in owner.list_repo_tree(REPO, recursive=True)}
    assert set(entries) == {".gitattributes", "README.md", "answer", "answer/model.safetensors", "model.safetensors"}
    assert entries["model.safetensors"].lfs.size == 3
    assert entries["README.md"].blob_id == git_oid("blob", CARD.encode())
    assert [entry.path for entry in owner.list_repo_tree(REPO, "answer")] == ["answer/model.safetensors"]


def test_info_reads_the_card(client, pushed):
    info = client().model_info(REPO)
    assert (info.sha, info.private, info.pipeline_tag, info.tags) == (
        pushed.oid,
        False,
        "image-text-to-text",
        ["mmcot"],
    )


def test_same_files_again_make_no_commit(hub, owner, pushed):
    hub.requests.clear()
    assert push(owner).oid == pushed.oid
    assert not any("/commit/" in path or method == "PUT" for method, path in hub.requests)


def test_each_revision_has_its_own_bytes(client, owner, pushed, tmp_path):
    owner.create_branch(REPO, branch="trial/two")
    second = push(owner, weights=b"two", revision="trial/two")
    for revision, expected in ((pushed.oid, b"one"), ("main", b"one"), (second.oid, b"two"), ("trial/two", b"two")):
        path = client().hf_hub_download(REPO, "model.safetensors", revision=revision, cache_dir=tmp_path)
        with open(path, "rb") as file:
            assert file.read() == expected
    assert {branch.name for branch in owner.list_repo_refs(REPO).branches} == {"main", "trial/two"}


def test_snapshot_has_every_file(client, pushed, tmp_path):
    folder = client().snapshot_download(REPO, local_dir=tmp_path)
    assert (tmp_path / "answer" / "model.safetensors").read_bytes() == b"oneone"
    assert (tmp_path / "README.md").read_text() == CARD
    assert folder == str(tmp_path)


def test_files_and_folders_can_be_deleted(hub, owner, pushed):
    deletions = [CommitOperationDelete("answer/"), CommitOperationDelete("README.md")]
    owner.create_commit(REPO, deletions, commit_message="Delete")
    assert set(hub.files(REPO)) == {".gitattributes", "model.safetensors"}
    assert "README.md" in hub.files(REPO, pushed.oid)


def test_pull_request_leaves_the_branch_alone(hub, client, pushed):
    commit = push(client("hf_other"), weights=b"new", create_pr=True)
    assert commit.pr_url == f"{hub.url}/{REPO}/discussions/1"
    assert hub.files(REPO)["model.safetensors"] == b"one"
    assert hub.files(REPO, "refs/pr/1")["model.safetensors"] == b"new"


@pytest.mark.slow
def test_cut_upload_sends_only_what_is_missing_when_repeated(hub, owner):
    owner.create_repo(REPO)
    hub.cut("PUT", after=1)
    push(owner)  # the client itself repeats the transfer
    assert hub.interrupted.is_set()
    assert len([method for method, _ in hub.requests if method == "PUT"]) == 3
    assert hub.files(REPO)["answer/model.safetensors"] == b"oneone"


@pytest.mark.slow
def test_cut_download_goes_on_where_it_was(hub, client, owner, tmp_path, monkeypatch):
    owner.create_repo(REPO)
    push(owner, weights=bytes(range(256)) * 1000)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    hub.cut("GET")
    path = client().hf_hub_download(REPO, "model.safetensors", cache_dir=tmp_path)
    with open(path, "rb") as file:
        assert file.read() == bytes(range(256)) * 1000
    assert any("bytes=" in path for _, path in hub.requests)


@pytest.mark.parametrize("token", [False, "hf_other"])
def test_private_repository_looks_missing_to_others(token, client, owner):
    owner.create_repo(REPO, private=True)
    push(owner)
    assert owner.model_info(REPO).private
    for name in (REPO, "org/nothing"):
        with pytest.raises(RepositoryNotFoundError):
            client(token).model_info(name)
    assert client("hf_reader").list_repo_files(REPO)


def test_missing_things_have_their_own_errors(client, pushed, tmp_path):
    api = client()
    with pytest.raises(RevisionNotFoundError):
        api.hf_hub_download(REPO, "README.md", revision="nowhere", cache_dir=tmp_path)
    with pytest.raises(RemoteEntryNotFoundError):
        api.hf_hub_download(REPO, "nothing.json", cache_dir=tmp_path)
    with pytest.raises(RemoteEntryNotFoundError):
        list(api.list_repo_tree(REPO, "nothing"))


@pytest.mark.parametrize(("token", "status"), [(False, 401), ("hf_reader", 403), ("hf_other", 403), ("hf_wrong", 401)])
def test_only_a_token_with_that_right_may_write(token, status, client, pushed):
    for action in (lambda api: api.create_repo("org/new"), push):
        with pytest.raises(HfHubHTTPError) as refused:
            action(client(token))
        assert refused.value.response.status_code == status


def test_existing_repository_is_named_in_the_conflict(owner, pushed):
    with pytest.raises(HfHubHTTPError) as refused:
        owner.create_repo(REPO)
    assert refused.value.response.status_code == 409
    assert owner.create_repo(REPO, exist_ok=True).repo_id == REPO


def test_commit_needs_its_parent_and_its_branch(owner, pushed):
    push(owner, weights=b"two")
    with pytest.raises(HfHubHTTPError) as stale:
        push(owner, weights=b"three", parent_commit=pushed.oid)
    assert stale.value.response.status_code == 412
    with pytest.raises(RevisionNotFoundError):
        push(owner, revision="nowhere")


def test_card_with_broken_metadata_is_refused(owner):
    owner.create_repo(REPO)
    card = io.BytesIO(b"---\nlicense: [\n---\n")
    with pytest.raises(ValueError, match="README"):
        owner.upload_file(path_or_fileobj=card, path_in_repo="README.md", repo_id=REPO)
