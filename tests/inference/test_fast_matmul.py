"""Products through oneDNN: the same numbers, and the setting of before."""

import pytest
import torch

from mmcot.inference import fast_matmul as module
from mmcot.inference.fast_matmul import KEEPS, ROUNDS, fast_matmul, keeps_float32, product_error


CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def asked_anew():
    keeps_float32.cache_clear()
    yield
    keeps_float32.cache_clear()


def setting():
    return torch.backends.mkldnn.matmul.fp32_precision


def test_products_keep_the_precision_of_float32():
    left, right = torch.randn(2, 300, 300, generator=torch.Generator().manual_seed(1))
    with fast_matmul(CPU):
        product = left @ right
    error = (product.double() - left.double() @ right.double()).abs().mean()
    assert error < 1e-4  # rounded to bfloat16 it is 0.04


def test_setting_is_put_back():
    before = setting()
    with fast_matmul(CPU):
        assert setting() == (ROUNDS if keeps_float32() else before)
    assert setting() == before


@pytest.mark.parametrize(("device", "unless"), [("cuda", False), ("cpu", True)])
def test_setting_stays_where_it_would_not_help(device, unless):
    before = setting()
    with fast_matmul(torch.device(device), unless):
        assert setting() == before


def test_processor_that_rounds_goes_without(monkeypatch):
    rounded = {KEEPS: 1e-6, ROUNDS: 1e-2}
    monkeypatch.setattr(module, "product_error", rounded.get)
    before = setting()
    with fast_matmul(CPU):
        assert setting() == before


def test_question_for_the_error_leaves_the_setting():
    before = setting()
    assert product_error(ROUNDS) > 0
    assert setting() == before
