"""Threads for the graphs of an export."""

import pytest


pytest.importorskip("onnxruntime")
from mmcot.engine.graphs import ONE_THREAD, threads_for  # noqa: E402


@pytest.mark.parametrize(("size", "threads"), [(ONE_THREAD - 1, 1), (ONE_THREAD, None)])
def test_a_small_model_gets_one_thread_wherever_its_weights_lie(tmp_path, size, threads):
    weights = tmp_path / "rationale" / "weights.onnx.data"
    weights.parent.mkdir()
    with weights.open("wb") as file:
        file.truncate(size)
    assert threads_for(tmp_path) == threads


@pytest.mark.parametrize(("given", "used"), [(None, 1), (3, 3)])
def test_threads_that_are_given_count(engine, monkeypatch, given, used):
    from mmcot.engine.flow import StageFlow

    seen = []

    class Files:
        def __init__(self, threads):
            seen.append(threads)

        def open(self, path):
            return engine.flow.files.open(path)

    monkeypatch.setattr("mmcot.engine.flow.GraphFiles", Files)
    StageFlow(engine.flow.export, given)
    assert seen == [used]
