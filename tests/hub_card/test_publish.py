"""Publishing to the test server and loading from it: real processes with caches of their own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, constants

from mmcot.hub_card.contents import planned_files
from mmcot.hub_card.publish import publish

from ..hub.repository import HubError
from ..hub.scripts import DOWNLOAD, PUBLISH, PULL, PUSH_PARTS


REPO = "org/tiny"
QUESTION = {"question": "Which colour has the ball?", "choices": ["green", "red", "blue"], "hint": "Look at the ball."}


@pytest.fixture
def environment(hub, tmp_path):
    """Function of variables: those of a process whose Hub is the server, with a cache that is empty at first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    kept |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    kept |= {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "OMP_NUM_THREADS": "1"}
    return lambda **variables: kept | variables


@pytest.fixture
def python(environment):
    """Function of code and its arguments: what a process prints."""

    def run(code, *arguments, **variables):
        words = [sys.executable, "-c", code, *map(str, arguments)]
        done = subprocess.run(words, env=environment(**variables), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    return run


@pytest.fixture
def pull(python):
    """Function of folders or names with their revisions: what a pipeline from each is and answers."""
    # Each place may bring a token.
    return lambda *places, **variables: json.loads(python(PULL, json.dumps([QUESTION, *places]), **variables))


class TestPublish:
    def test_one_commit_holds_what_was_planned_and_is_not_made_twice(self, folder, hub, logged_in):
        commit = publish(folder, REPO)
        there = hub.files(REPO)
        assert there.keys() == {".gitattributes", *dict(planned_files(folder))}
        assert all((folder / name).read_bytes() == there[name] for name, _ in planned_files(folder))
        assert commit.commit_url == f"{hub.url}/{REPO}/commit/{commit.oid}"
        assert publish(folder, REPO).oid == commit.oid
        assert [entry.title for entry in HfApi().list_repo_commits(REPO)] == ["Publish tiny", "initial commit"]
        assert not hub.repositories[REPO].private

    def test_old_weights_go_and_files_of_others_stay(self, folder, hub, logged_in):
        publish(folder, REPO)
        others = {"LICENSE.md", "photo.png", "answer/notes.txt", "onnx/model.safetensors"}
        additions = [CommitOperationAdd(name, b"mine") for name in (*others, "answer/model-00001-of-2.safetensors")]
        HfApi().create_commit(REPO, additions, commit_message="Mine")
        (folder / "metrics.json").write_text('{"again": true}')
        publish(folder, REPO)
        assert hub.files(REPO).keys() == {".gitattributes", *dict(planned_files(folder)), *others}

    def test_model_of_a_stage_goes_with_its_folder(self, folder, make_model, processor, hub, logged_in, tmp_path):
        publish(folder, REPO)
        make_model().save_pretrained(tmp_path / "joint")
        processor.save_pretrained(tmp_path / "joint")
        publish(tmp_path / "joint", REPO)
        assert not [name for name in hub.files(REPO) if name.startswith("answer/")]

    def test_own_name_needs_no_organisation(self, folder, hub, logged_in):
        publish(folder, "tiny", private=True)
        assert hub.repositories["owner/tiny"].private

    def test_branch_is_made_and_the_main_one_left_alone(self, folder, hub, logged_in):
        publish(folder, REPO, revision="trial")
        assert "config.json" in hub.files(REPO, "trial")
        assert hub.files(REPO).keys() == {".gitattributes"}

    def test_pull_request_to_the_repository_of_another(self, folder, hub, logged_in):
        publish(folder, REPO)
        (folder / "metrics.json").write_text('{"better": true}')
        logged_in("hf_other")
        assert publish(folder, REPO, create_pr=True).pr_url == f"{hub.url}/{REPO}/discussions/1"
        assert hub.files(REPO)["metrics.json"] == b"{}"

    def test_base_of_an_adapter_is_the_repository(self, make_adapters, hub, logged_in, tmp_path):
        folder = make_adapters(tmp_path / "adapters")
        before = (folder / "answer" / "adapter_config.json").read_bytes()
        publish(folder, REPO)
        there = json.loads(hub.files(REPO)["answer/adapter_config.json"])
        assert (there["base_model_name_or_path"], there["r"]) == (REPO, 2)
        assert (folder / "answer" / "adapter_config.json").read_bytes() == before
        assert str(folder) in before.decode()
        assert not any(str(tmp_path).encode() in content for content in hub.files(REPO).values())
        assert {name for name in hub.files(REPO) if name.startswith("answer/")} == {
            "answer/adapter_config.json",
            "answer/adapter_model.safetensors",
        }


class TestRefusals:
    @pytest.mark.parametrize(
        ("token", "name", "message"),
        [
            ("", REPO, "There is no token for the Hub. Log in"),
            ("hf_wrong", REPO, "does not know your token"),
            ("hf_reader", REPO, f"may not write to {REPO}"),
            ("hf_other", REPO, f"may not write to {REPO}"),
            ("hf_other", "owner/secret", "may not write to owner/secret"),
        ],
    )
    def test_refusal_of_the_hub_says_what_to_do(self, token, name, message, folder, hub, logged_in):
        HfApi().create_repo("owner/secret", private=True)
        logged_in(token)
        with pytest.raises(OSError, match=message) as refused:
            publish(folder, name)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize(
        ("status", "code", "message"),
        [
            (404, "RepoNotFound", f"The name {REPO} is taken by a repository that you cannot see"),
            (403, "GatedRepo", f"{REPO} is gated. Ask for access"),
            (404, "RevisionNotFound", "no such branch"),
            (413, None, f"The Hub refused {REPO}: .*Too much"),
        ],
    )
    def test_refusal_of_what_exists_says_what_to_do(self, status, code, message, folder, hub, logged_in):
        hub.refusals[f"/api/models/{REPO}/preupload"] = HubError(status, code, "Too much")
        with pytest.raises(OSError, match=message) as refused:
            publish(folder, REPO)
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("name", ["a/b/c", "org/with space", "org/a--b", "-org/x", "org/x.git"])
    def test_impossible_name(self, name, folder, logged_in):
        with pytest.raises(ValueError, match="cannot be the name of a repository. Use org/name"):
            publish(folder, name)

    def test_private_folder_never_goes_to_a_public_repository(self, folder, hub, logged_in):
        HfApi().create_repo(REPO)
        with pytest.raises(ValueError, match="everyone can read it"):
            publish(folder, REPO, private=True)
        assert hub.files(REPO).keys() == {".gitattributes"}

    @pytest.mark.parametrize(
        ("setting", "value", "message"),
        [
            ("ENDPOINT", "http://127.0.0.1:9", "does not answer .* Check the network"),
            ("HF_HUB_OFFLINE", True, "HF_HUB_OFFLINE is set"),
        ],
    )
    def test_no_network(self, setting, value, message, folder, logged_in, monkeypatch):
        monkeypatch.setattr(constants, setting, value)
        with pytest.raises(ConnectionError, match=message):
            publish(folder, REPO)

    def test_storage_that_goes_away(self, folder, hub, logged_in, monkeypatch):
        monkeypatch.setattr("time.sleep", lambda seconds: None)  # of the client, between its attempts
        hub.close_storage()
        with pytest.raises(ConnectionError, match="Error while uploading .* repeat the command") as broken:
            publish(folder, REPO)
        assert "\n" not in str(broken.value)


@pytest.mark.slow
class TestPull:
    """What was pushed, loaded again where `mmcot` is not installed."""

    def test_each_revision_has_its_own_code_and_both_of_its_models(self, make_folder, pull, logged_in, tmp_path):
        folders = [make_folder(tmp_path / name, seed, name) for seed, name in enumerate(("first", "second", "trial"))]
        commits = [publish(folder, REPO).oid for folder in folders[:2]]
        publish(folders[2], REPO, revision="trial")
        places = [(str(folder), None) for folder in folders]
        places += [(REPO, revision) for revision in (None, commits[0], "trial", "main", commits[1])]
        first, second, trial, *pulled = pull(*places)
        assert [place[0] for place in (first, second, trial)] == ["first", "second", "trial"]
        assert len({*first[-1], *second[-1], *trial[-1]}) == 6
        assert pulled == [second, first, trial, second, second]
        settings = {weights.rpartition(" of ")[2] for weights in second[-1]}
        assert settings == {"rationale, 30 tokens", "answer, 6 tokens"}

    def test_adapters_come_from_the_commit_of_their_base(self, make_adapters, pull, logged_in, tmp_path):
        folders = [make_adapters(tmp_path / str(seed), seed) for seed in (0, 1)]
        commits = [publish(folder, REPO).oid for folder in folders]
        first, second, *pulled = pull(*((str(folder), None) for folder in folders), (REPO, commits[0]), (REPO, None))
        assert first[-1] != second[-1]
        assert pulled == [first, second]

    def test_private_repository_opens_with_a_token_only(self, folder, python, pull, environment, tmp_path):
        python(PUBLISH, folder, REPO, "private", HF_TOKEN="hf_owner")
        places = (str(folder), None), (REPO, None)
        local, pulled = pull(*places, HF_TOKEN="hf_reader")
        assert pulled == local
        assert pull((REPO, None, "hf_reader"), HF_HOME=str(tmp_path / "passed")) == [local]
        for token in ("", "hf_other"):
            stranger = environment(HF_TOKEN=token, HF_HOME=str(tmp_path / "stranger"))
            done = subprocess.run([sys.executable, "-c", DOWNLOAD, REPO], env=stranger, capture_output=True, text=True)
            assert done.returncode != 0
            assert "RepositoryNotFoundError" in done.stderr

    def test_command_of_the_hub_downloads_every_byte(self, folder, logged_in, environment, tmp_path):
        publish(folder, REPO)
        hf = Path(sys.executable).with_name("hf")
        subprocess.run([hf, "download", REPO, "--local-dir", tmp_path / "copy"], env=environment(), check=True)
        for name, _ in planned_files(folder):
            assert (tmp_path / "copy" / name).read_bytes() == (folder / name).read_bytes()

    def test_killed_upload_is_repeated_without_what_was_sent(self, folder, hub, python, environment):
        hub.cut("PUT", after=1)
        words = [sys.executable, "-c", PUBLISH, folder, REPO]
        process = subprocess.Popen(words, env=environment(HF_TOKEN="hf_owner"))
        assert hub.interrupted.wait(100)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert hub.files(REPO).keys() == {".gitattributes"}
        sent = set(hub.objects)
        hub.requests.clear()
        python(PUBLISH, folder, REPO, HF_TOKEN="hf_owner")
        assert sent
        assert not sent & {path.strip("/") for method, path in hub.requests if method == "PUT"}
        assert hub.files(REPO).keys() == {".gitattributes", *dict(planned_files(folder))}

    def test_killed_download_is_repeated_and_works_offline(self, folder, hub, python, pull, logged_in, environment):
        publish(folder, REPO)
        hub.cut("GET", after=1)
        process = subprocess.Popen([sys.executable, "-c", DOWNLOAD, REPO], env=environment())
        assert hub.interrupted.wait(100)
        process.send_signal(signal.SIGKILL)
        process.wait()
        python(DOWNLOAD, REPO)
        hub.requests.clear()
        revisions = (None, "main", hub.repositories[REPO].refs["main"])
        local, *pulled = pull((str(folder), None), *((REPO, revision) for revision in revisions), HF_HUB_OFFLINE="1")
        assert pulled == [local] * 3
        assert not hub.requests

    def test_model_and_processor_push_themselves(self, tiny_model, tiny_processor, python, pull, tmp_path):
        tiny_model.save_pretrained(tmp_path / "joint")
        tiny_processor.save_pretrained(tmp_path / "joint")
        python(PUSH_PARTS, tmp_path / "joint", REPO, HF_TOKEN="hf_owner")
        local, pulled = pull((str(tmp_path / "joint"), None), (REPO, None))
        assert pulled == local
