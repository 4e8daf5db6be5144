"""`torch.nn.DataParallel`, which the Trainer takes for several GPUs in one process: replicas have no parameters."""

import sys

import pytest
import torch
from torch.nn.parallel import gather, replicate
from torch.testing import assert_close


@pytest.fixture
def apply_in_parallel(monkeypatch):
    """Function of a model and inputs: what `DataParallel` makes of them. Only its copies between GPUs are imitated."""

    def broadcast(tensors, devices, detach=False):
        return [[tensor.clone() for tensor in tensors] for _ in devices]

    class Gather:
        @staticmethod
        def apply(device, dim, *tensors):
            return torch.cat([tensor.reshape(-1) if tensor.ndim == 0 else tensor for tensor in tensors])

    replicating, gathering = (sys.modules[f"torch.nn.parallel.{name}"] for name in ("replicate", "scatter_gather"))
    monkeypatch.setattr(replicating, "_get_device_index", lambda device, _: device)
    monkeypatch.setattr(replicating, "_broadcast_coalesced_reshape", broadcast)
    monkeypatch.setattr(gathering, "Gather", Gather)

    def apply(model, inputs, count=2):
        parts = zip(*(tensor.chunk(count) for tensor in inputs.values()), strict=True)
        replicas = replicate(model, range(count))
        outputs = [
            replica(**dict(zip(inputs, part, strict=True))) for replica, part in zip(replicas, parts, strict=True)
        ]
        return gather(outputs, "cpu")

    return apply


@pytest.mark.parametrize("freeze", [True, False])
def test_replicas_do_what_the_model_does(without_dropout, apply_in_parallel, freeze):
    model = without_dropout().train()
    model.config.freeze_vision = freeze
    model.freeze_vision_tower()
    torch.manual_seed(1)
    inputs = {
        "input_ids": torch.randint(3, 128, (4, 6)),
        "pixel_values": torch.randn(4, 3, 16, 16),
        "labels": torch.randint(3, 128, (4, 5)),
    }
    outputs, gradients = [model(**inputs), apply_in_parallel(model, inputs)], []
    for output in outputs:
        model.zero_grad()
        output.loss.mean().backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.grad is not None})
    assert_close(outputs[1].logits, outputs[0].logits)
    assert_close(gradients[1], gradients[0])


def test_replicas_evaluate_in_half_precision(make_model, apply_in_parallel):
    model = make_model().bfloat16()
    inputs = {"input_ids": torch.randint(3, 128, (4, 6)), "pixel_values": torch.randn(4, 3, 16, 16)}
    inputs["labels"] = inputs["input_ids"]
    with torch.no_grad():
        assert_close(apply_in_parallel(model, inputs).logits, model(**inputs).logits)
