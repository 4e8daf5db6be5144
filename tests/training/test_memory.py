"""What a run holds in memory while it trains: one model."""

import gc
import weakref
from types import SimpleNamespace

from mmcot.training import two_stage


class Model:
    pass


def test_the_rationale_model_makes_room_for_the_answer_model(monkeypatch):
    trained = {}

    def train_model(run, name):
        gc.collect()
        assert [earlier for earlier, model in trained.items() if model() is not None] == []
        model = Model()
        trained[name] = weakref.ref(model)
        return model

    monkeypatch.setattr(two_stage, "train_model", train_model)
    for step in ("generate_for_next_stage", "calibrate", "generate_predictions"):
        monkeypatch.setattr(two_stage, step, lambda *arguments: [])
    plan = SimpleNamespace(models={"rationale": ("rationale",), "answer": ("answer",)})
    two_stage.two_stages(SimpleNamespace(plan=plan, recipe=SimpleNamespace(answer_rationales="gold")))
    assert list(trained) == ["rationale", "answer"]
