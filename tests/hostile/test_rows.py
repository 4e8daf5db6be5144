"""Whatever stands in a data set's files: examples come of it, counted skips, or one line that says where to look."""

from collections import Counter

import pytest

from .rows import make_case, outcome


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_every_case_is_examples_or_one_line(count, tmp_path):
    results = Counter()
    for seed in range(count):
        folder = tmp_path / str(seed)
        folder.mkdir()
        case = make_case(seed, folder)
        result = outcome(case)
        assert result in ("examples", "refused"), f"case {seed}, {case}: {result}"
        results[result] += 1
    assert min(results.values()) > count / 5
