"""Matrix products through oneDNN, where torch would hand them to a slower library.

torch multiplies float32 matrices with MKL, which uses half of what an AMD processor can do: 101 GFLOP/s against 230
from oneDNN on one core of an EPYC with AVX-512 (512 x 768 x 3072). torch sends them to oneDNN where float32 may be
rounded to bfloat16; without AMX, oneDNN still computes in float32 (mean error 7.5e-6 against MKL's 5.3e-6), and where
it does round the switch stays off. Single rows get slower by half, so one question alone goes without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch


ROUNDS, KEEPS = "bf16", "none"
# The error of float32 sums depends on their order; rounding to bfloat16 makes it a thousand times larger.
TOLERATED = 4


# Of torch 2.9 and later.
MATMUL: Any = getattr(torch.backends.mkldnn, "matmul", None)


@contextmanager
def fast_matmul(device: torch.device, unless: bool = False) -> Iterator[None]:
    """Makes large float32 products fast in this process for a while.

    Args:
        device: of what is multiplied; nothing changes on others than a CPU.
        unless: nothing changes.
    """
    if unless or device.type != "cpu" or not keeps_float32():
        yield
    else:
        with precision_as(ROUNDS):
            yield


@contextmanager
def precision_as(setting: str) -> Iterator[None]:
    """Sets what torch may do with float32 products, and puts back what was set before."""
    before = MATMUL.fp32_precision
    MATMUL.fp32_precision = setting
    try:
        yield
    finally:
        MATMUL.fp32_precision = before


@cache
def keeps_float32() -> bool:
    """Whether this processor computes in float32 even where it may round to bfloat16."""
    return MATMUL is not None and product_error(ROUNDS) <= TOLERATED * product_error(KEEPS)


def product_error(setting: str) -> float:
    """The mean error of a product of two matrices under a setting."""
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 256, generator=generator) for _ in range(2))
    with precision_as(setting):
        product = left @ right
    return (product.double() - left.double() @ right.double()).abs().mean().item()
