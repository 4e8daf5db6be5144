"""Which rows make a batch."""

import datasets
import pytest

from mmcot.data import load_splits
from mmcot.data.examples import LENGTH
from mmcot.training.trainer import MMCoTTrainer


@pytest.fixture
def trainer(tiny_model, tiny_processor, tiny_recipe, tmp_path):
    arguments = tiny_recipe(tmp_path / "run").training["rationale"]
    splits = load_splits("sketchqa:train=200,validation=1,test=1,size=16")
    return MMCoTTrainer(tiny_model, arguments, ["rationale"], tiny_processor, splits["train"], splits["validation"])


def test_an_order_by_length_reads_no_rows(trainer, monkeypatch):
    lengths = trainer.train_dataset[LENGTH][:]
    sampler = trainer.get_train_dataloader().batch_sampler.sampler
    reads = []
    read = datasets.Dataset.__getitem__
    monkeypatch.setattr(datasets.Dataset, "__getitem__", lambda self, key: reads.append(key) or read(self, key))
    order = list(sampler)
    assert sorted(order) == list(range(200))
    assert lengths[order[0]] == max(lengths)
    assert not reads
