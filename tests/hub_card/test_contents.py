"""What of a folder is published: all that belongs, and nothing else."""

import json
import os
import shutil

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mmcot.cli.main import main
from mmcot.hub_card.contents import check_repository, content_of, planned_files
from mmcot.hub_card.local_paths import IN_SENTENCE, without_local_paths
from mmcot.hub_card.publish import publish

from .layouts import NOT_PUBLISHED, STAGES


REPO = "org/tiny"


class TestFolder:
    def test_what_belongs_is_planned_and_nothing_else(self, folder):
        planned = dict(planned_files(folder))
        everything = {
            path.relative_to(folder).as_posix(): path.stat().st_size for path in folder.rglob("*") if path.is_file()
        }
        assert everything.keys() - planned.keys() == set(NOT_PUBLISHED)
        assert planned.items() <= everything.items()
        assert {"answer/model.safetensors", "answer/modeling_mmcot.py", "processor_config.json"} <= planned.keys()

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("config.json", "has no config.json; give the folder"),
            ("processor_config.json", "has no processor_config.json. Save"),
            ("tokenizer.json", "has no tokenizer.json. Save"),
            ("processing_mmcot.py", "has no processing_mmcot.py. Save"),
            ("model.safetensors", "lacks weights of the rationale model. Repeat"),
            ("answer/model.safetensors", "answer lacks weights of the answer model. Repeat"),
        ],
    )
    def test_folder_that_would_not_load_is_refused(self, name, message, folder):
        (folder / name).unlink()
        with pytest.raises(ValueError, match=message):
            check_repository(folder)

    def test_folder_of_another_model_is_refused(self, tmp_path):
        (tmp_path / "config.json").write_text('{"model_type": "t5"}')
        with pytest.raises(ValueError, match="that of a 't5' model"):
            planned_files(tmp_path)

    def test_every_shard_is_needed(self, folder, make_model):
        (folder / "answer" / "model.safetensors").unlink()
        make_model(stages=STAGES).save_pretrained(folder / "answer", max_shard_size="20KB")
        check_repository(folder)
        shards = sorted((folder / "answer").glob("model-*.safetensors"))
        assert {f"answer/{shard.name}" for shard in shards} <= dict(planned_files(folder)).keys()
        shards[1].unlink()
        with pytest.raises(ValueError, match="lacks weights of the answer model"):
            check_repository(folder)


def test_published_card_loads_the_repository_not_a_folder(tmp_path):
    card = tmp_path / "README.md"
    card.write_text('```python\nrepository = "runs/mine"\n```\n')
    assert content_of(card, REPO) == f'```python\nrepository = "{REPO}"\n```\n'.encode()


TRAPS = (
    *(
        "notes.md",
        "screenshot.png",
        "NOTICE_draft.md",
        "LICENSE_of_my_photos",
        "id_rsa",
        "config.json.bak",
        "notes.json",
    ),
    *("evil_mmcot.py", "answer/evil_mmcot.py", "handler.py", "setup.py", "answer/notes.md", "answer/optimizer.pt"),
    *("secret.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json", "pytorch_model.bin"),
    *(".git/config", ".token", "notes.json", "stage/config.json", "results.json.tmp", "predictions.jsonl.bak"),
)
SECRET = "/home/ada/secret"
RECIPE = {
    "output_dir": f"{SECRET}/runs/tiny",
    "dataset": "~/secret/jars.jsonl",
    "data": {"captions": r"C:\secret\captions.json", "images": "../../secret/pictures"},
    "model": {"text_model": "google/flan-t5-base", "tokenizer": f"file:{SECRET}/words"},
}
SKIPPED = [
    {"source": f"{SECRET}/jars.jsonl", "row": 7, "field": "answer", "reason": "is missing."},
    {"source": f"{SECRET}/jars.jsonl", "row": 8, "field": "image", "reason": f"{SECRET}/my jar.png is no picture."},
    {"source": "ada/jars", "row": 9, "field": "image", "reason": "is ../secret/x.png, which leaves the folder."},
]


@pytest.fixture
def trapped(folder, tmp_path):
    """A folder full of what must not be published, and the names of links that leave it."""
    for name in TRAPS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("private")
    outside = tmp_path / "outside"
    outside.write_text("private")
    links = {"LICENSE": "/etc/passwd", "results.json": outside, "example.png": "../outside", "answer/notes": outside}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    (folder / "LICENSE.txt").symlink_to("README.md")  # a link that stays within
    (folder / "results.md").mkdir()
    os.mkfifo(folder / "LICENSE.md")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    (folder / "metrics.json").write_text(json.dumps({"skipped": SKIPPED}))
    for name, key in (("tokenizer_config.json", "name_or_path"), ("answer/config.json", "_name_or_path")):
        content = json.loads((folder / name).read_text()) | {key: f"{SECRET}/words"}
        (folder / name).write_text(json.dumps(content))
    return folder


class TestTraps:
    def test_dry_run_lists_what_belongs(self, trapped, capsys):
        assert main(["push", str(trapped), REPO, "--dry-run"]) == 0
        lines = capsys.readouterr().out.splitlines()
        listed = {line.split()[1] for line in lines if line.startswith(" ")}
        present = {path.relative_to(trapped).as_posix() for path in trapped.rglob("*") if path.is_file()}
        links = {"LICENSE", "results.json", "example.png"}
        assert {line.split()[2].strip(",") for line in lines if line.startswith("Left out")} == links
        assert present - listed - {"in"} == {*TRAPS, *NOT_PUBLISHED, *links, "answer/notes"}

    def test_what_is_listed_is_sent_and_names_no_place_of_this_machine(self, trapped, hub, logged_in):
        publish(trapped, REPO)
        sent = hub.files(REPO)
        assert sent.keys() == {".gitattributes", *dict(planned_files(trapped))}
        everything = b"".join(sent.values())
        assert b"secret" not in everything
        assert b"private" not in everything
        skipped = json.loads(sent["metrics.json"])["skipped"]
        assert [row["source"] for row in skipped] == ["jars.jsonl", "jars.jsonl", "ada/jars"]
        assert [row["reason"] for row in skipped[:2]] == ["is missing.", "my jar.png is no picture."]
        assert "withheld" in skipped[2]["reason"]
        assert yaml.safe_load(sent["recipe.yaml"])["data"] == {"captions": "captions.json", "images": "pictures"}

    @pytest.mark.parametrize("name", ["answer/model.safetensors", "tokenizer.json", "modeling_mmcot.py", "answer"])
    def test_link_in_the_place_of_a_part_of_the_model_is_refused(self, name, folder, tmp_path):
        shutil.move(folder / name, tmp_path / "moved")
        (folder / name).symlink_to(tmp_path / "moved")
        with pytest.raises(ValueError, match="is a link to .*moved.*, outside the folder; put a copy in its place"):
            planned_files(folder)

    def test_run_folder_may_be_a_link_itself(self, folder, tmp_path):
        (tmp_path / "latest").symlink_to(folder)
        assert planned_files(tmp_path / "latest") == planned_files(folder)

    @pytest.mark.parametrize("place", ["../evil", "/etc", "a/../../evil", "..\\evil", "C:evil", "", "a\0b", "a<b>"])
    def test_stage_elsewhere_is_refused(self, place, folder):
        config = json.loads((folder / "config.json").read_text())
        config["stages"]["answer"] = place
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match=r"config\.json is damaged \(stages\['answer'\] is .*; restore it"):
            planned_files(folder)


def test_own_change_of_the_code_is_published_and_its_imports(folder):
    code = folder / "modeling_mmcot.py"
    code.write_text("from .mine_mmcot import idea\n" + code.read_text())
    with pytest.raises(ValueError, match=r"has no mine_mmcot\.py"):
        planned_files(folder)
    (folder / "mine_mmcot.py").write_text("idea = 1\n")
    assert "mine_mmcot.py" in dict(planned_files(folder))


@pytest.mark.parametrize(
    "text", ["ada/jars", "sketchqa:train=9", "is 'yes/no'; write a letter.", "1/2", "a: b", "x.png"]
)
def test_what_is_no_local_path(text):
    assert without_local_paths(text) == text
    assert not IN_SENTENCE.search(text)


PLACES = ("/home/", "~/", "C:\\", "C:/", "\\\\server\\", "../", "file:///")


@given(st.sampled_from(PLACES), st.text("abc /\\", max_size=9))
def test_local_path_keeps_its_last_name_only(start, rest):
    kept = without_local_paths({"a": [f"{start}secret/{rest}x"]})["a"][0]
    assert "secret" not in kept
    assert IN_SENTENCE.search(f"the file {start}secret/{rest}x is damaged")
