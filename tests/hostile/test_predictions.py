"""Whatever stands in a file of predictions: it is scored, or refused in one line that names file and line."""

from collections import Counter

import pytest

from .predictions import make_case, make_dataset, outcome


@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_every_case_is_scored_or_refused_in_one_line(count, tmp_path):
    dataset = make_dataset()
    results = Counter()
    for seed in range(count):
        folder = tmp_path / str(seed)
        folder.mkdir()
        case = make_case(seed)
        result = outcome(case, folder, dataset, with_report=seed % 20 == 0)
        assert result in ("scored", "refused"), f"case {seed}: {result}"
        results[result] += 1
    assert min(results.values()) > count / 5
