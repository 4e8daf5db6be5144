"""The benchmarks of speed still run; what they measure is no matter here."""

import subprocess
import sys
from pathlib import Path

import pytest


BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ROUND = ["--rounds", "1"]


@pytest.mark.slow
@pytest.mark.skipif(not BENCHMARKS.is_dir(), reason="an installed package has no benchmarks")
@pytest.mark.parametrize(
    ("name", "words", "row"),
    [
        ("speed.py", [*ROUND, "--threads", "1"], "| answer, batch 1 |"),
        (
            "gpu.py",
            [*ROUND, "--device", "cpu", "--sizes", "tiny", "--batches", "2"],
            "| tiny, 2 | tokens, static cache |",
        ),
    ],
)
def test_small_run_ends_in_its_table(name, words, row):
    done = subprocess.run([sys.executable, str(BENCHMARKS / name), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert row in done.stdout
