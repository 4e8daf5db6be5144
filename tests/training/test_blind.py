"""How long a run may look at blank pictures."""

from types import SimpleNamespace

import pytest

from mmcot.data import load_splits
from mmcot.inference.row_files import complete_rows, read_rows
from mmcot.training.blind import time_is_up
from mmcot.training.run_folder import RunFolder


@pytest.fixture
def run(tmp_path):
    folder = RunFolder(tmp_path)
    folder.state.mkdir()
    return SimpleNamespace(folder=folder, recipe=SimpleNamespace(evaluation=SimpleNamespace(split="test")))


def test_a_hundred_problems_are_answered_whatever_the_time(run):
    late, early = time_is_up(run, seconds=-1), time_is_up(run, seconds=1e9)
    assert [late(done) for done in (0, 99, 100, 128)] == [False, False, True, True]
    assert not early(100_000)


def test_a_sample_that_came_to_its_end_is_kept_as_it_is(run):
    run.folder.finish("blank pictures of test")
    assert time_is_up(run, seconds=1e9)(4)


def test_rows_end_where_there_are_enough(tmp_path):
    dataset = load_splits("sketchqa:train=1,validation=1,test=12,size=32")["test"]

    def make_rows(part):
        return [{"id": name, "answer_text": "A"} for name in part["id"]]

    path = tmp_path / "rows.jsonl"
    rows = complete_rows(path, dataset, make_rows, 4, "rows", "answer_text", enough=lambda done: done >= 6)
    assert [row["id"] for row in rows] == dataset["id"][:8]
    assert read_rows(path) == rows
    assert complete_rows(path, dataset, make_rows, 4, "rows", "answer_text", enough=lambda done: True) == rows
    assert len(complete_rows(path, dataset, make_rows, 4, "rows", "answer_text")) == 12
