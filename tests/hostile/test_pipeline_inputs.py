"""Whatever is handed to the pipeline: answers come of it, or one line that says what to give."""

from collections import Counter

import pytest

from .pipeline_inputs import make_case, outcome


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [100, pytest.param(3000, marks=pytest.mark.slow)])
def test_every_case_is_answered_or_one_line(count, tiny_processor, make_two_stages):
    pipe = make_two_stages(tiny_processor)
    results = Counter()
    for seed in range(count):
        result = outcome(make_case(seed), pipe)
        assert result in ("answered", "refused"), f"case {seed}: {result}"
        results[result] += 1
    assert min(results.values()) > count / 5
