"""Whatever is handed over as a picture: one comes of it, or one line that says what to do, in bounded memory."""

import resource
from collections import Counter

import pytest

from .pictures import make_case, outcome


MOST_MEMORY = 1_500_000  # kB, for a picture of 50 megapixels, transparent, and turned upright


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_case_is_a_picture_or_one_line(count, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = Counter()
    for seed in range(count):
        result = outcome(make_case(seed, tmp_path))
        assert result in ("picture", "refused"), f"case {seed}: {result}"
        results[result] += 1
    assert min(results.values()) > count / 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_MEMORY
