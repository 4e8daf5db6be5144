"""The score of a benchmark of the Hub, in the file that its leaderboard reads."""

import json
from types import SimpleNamespace

import pytest
import yaml
from huggingface_hub import HfApi, parse_eval_result_entries
from huggingface_hub.errors import OfflineModeIsEnabled

from mmcot.hub_card import leaderboard
from mmcot.hub_card.publish import publish


REPO = "org/tiny"
FILE = ".eval_results/ScienceQA.yaml"
TASKS = [{"id": "test_accuracy", "split": "test"}, {"id": "validation_accuracy", "split": "validation"}]


@pytest.fixture
def scored(folder):
    """Function of a data set: a folder that was scored on its test split."""

    def score(dataset):
        accuracy = {"average": {"value": 85.3123, "n": 4241, "low": 84, "high": 86}}
        (folder / "metrics.json").write_text(json.dumps({"accuracy": accuracy}))
        (folder / "recipe.yaml").write_text(yaml.safe_dump({"dataset": dataset, "evaluation": {"split": "test"}}))
        return folder

    return score


@pytest.fixture
def benchmarks(monkeypatch, tmp_path):
    """Function of tags and tasks: what the Hub says of every data set."""

    def say(tags, tasks):
        (tmp_path / "eval.yaml").write_text(yaml.safe_dump({"name": "It", "tasks": tasks}))
        monkeypatch.setattr(HfApi, "dataset_info", lambda *_: SimpleNamespace(tags=tags))
        monkeypatch.setattr(leaderboard, "hf_hub_download", lambda *_, **__: str(tmp_path / "eval.yaml"))

    return say


def test_score_goes_where_the_leaderboard_reads_it(scored, benchmarks, hub, logged_in):
    benchmarks(["benchmark:official"], TASKS)
    publish(scored("derek-thomas/ScienceQA"), REPO)
    (entry,) = parse_eval_result_entries(yaml.safe_load(hub.files(REPO)[FILE]))
    assert (entry.dataset_id, entry.task_id, entry.value) == ("derek-thomas/ScienceQA", "test_accuracy", 85.31)


@pytest.mark.parametrize(
    ("dataset", "tags", "tasks"),
    [
        ("derek-thomas/ScienceQA", ["license:cc"], TASKS),
        ("derek-thomas/ScienceQA", None, TASKS),
        ("derek-thomas/ScienceQA", ["benchmark:official"], TASKS[1:]),
        ("derek-thomas/ScienceQA", ["benchmark:official"], [*TASKS, {"id": "another"}]),
        ("sketchqa", ["benchmark:official"], TASKS),
    ],
)
def test_no_file_without_a_benchmark_whose_task_it_is(dataset, tags, tasks, scored, benchmarks, hub, logged_in):
    benchmarks(tags, tasks)
    publish(scored(dataset), REPO)
    assert not [name for name in hub.files(REPO) if name.startswith(".eval_results")]


def test_publishing_does_not_hang_on_it(scored, monkeypatch, hub, logged_in):
    def refuse(*_):
        raise OfflineModeIsEnabled("offline")

    monkeypatch.setattr(HfApi, "dataset_info", refuse)
    publish(scored("derek-thomas/ScienceQA"), REPO)
    assert FILE not in hub.files(REPO)
