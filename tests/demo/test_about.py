"""What the page says of its model."""

import json

from mmcot.demo.about import read_about


METRICS = {
    "accuracy": {
        "average": {"value": 81.25, "n": 16, "low": 60.0, "high": 95.0},
        "family": {"moon": {"value": 50.0, "n": 2, "low": 0.0, "high": 100.0}},
    },
    "chance": {"average": 33.3},
    "confidence": {"calibration_error": 4.7, "auroc": 0.94},
}


def test_folder_says_licence_and_quality(tmp_path):
    folder = tmp_path / "moons"
    folder.mkdir()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Moons\n")
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    about = read_about(str(folder))
    assert about.headline == "`moons` · licence: mit"
    assert "**81.2 %** of 16 problems" in about.quality
    assert "guessing gives 33.3 %" in about.quality
    assert "| average | 81.2 % | 60.0 to 95.0 | 33.3 % | 16 |" in about.quality
    assert "off by 4.7 points" in about.quality


def test_folder_that_says_nothing(tmp_path):
    about = read_about(str(tmp_path))
    assert about.headline.endswith("licence: not stated")
    assert "no `metrics.json`" in about.quality


def test_repository_names_its_commit(hub, logged_in, tmp_path, monkeypatch):
    from huggingface_hub import HfApi

    HfApi(endpoint=hub.url).create_repo("org/moons")
    (tmp_path / "metrics.json").write_text(json.dumps(METRICS))
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\n")
    commit = HfApi(endpoint=hub.url).upload_folder(repo_id="org/moons", folder_path=tmp_path).oid
    about = read_about("org/moons")
    assert about.headline == f"`org/moons` · commit `{commit[:12]}` · licence: mit"
