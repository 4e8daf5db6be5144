"""Whatever stands in a recipe or on the command line: a recipe comes of it, or one line that says where to look."""

from collections import Counter

import pytest

from .recipes import make_case, outcome


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [100, pytest.param(6000, marks=pytest.mark.slow)])
def test_every_case_is_a_recipe_or_one_line(count, tmp_path):
    outcomes = {}
    for seed in range(count):
        case = make_case(seed)
        outcomes[seed] = result = outcome(case, tmp_path)
        assert result in ("recipe", "refused"), f"case {seed}: {result}; {case.overrides} over {case.content!r:.5000}"
    assert Counter(outcomes.values())["recipe"] > count / 20
