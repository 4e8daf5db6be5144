"""What the table of ablations comes to."""

import pytest

from mmcot.configuration.ablations import ABLATIONS, FULL_SYSTEM, NO_RATIONALE, OTHER_RATIONALE
from mmcot.evaluation.findings import conclude, describe_ablations, early_answering


def score(value, low=None, high=None, n=100):
    return {"value": value, "n": n, "low": value if low is None else low, "high": value if high is None else high}


def row(accuracy, change, width=5.0, unchanged=50.0):
    difference = score(change, change - width, change + width)
    return {"with a picture": {"accuracy": score(accuracy), "difference": difference, "unchanged": score(unchanged)}}


FULL = {FULL_SYSTEM: {"with a picture": {"accuracy": score(80.0)}}}


def test_each_stage_is_said_to_look_or_not():
    blind_first = row(40.0, -40.0)
    table = FULL | {"blank pictures, rationale stage": blind_first, "blank pictures, answer stage": row(80, 0, 1, 100)}
    looks, blind = describe_ablations(table)
    assert looks.startswith(
        "The rationale stage looks: with blank pictures there 40.0 % of the problems with a picture"
    )
    assert "-40.0 points (95 % interval -45.0 to -35.0), and 50.0 % of the answers stay" in looks
    assert blind.startswith("The answer stage does not measurably look")


@pytest.mark.parametrize(("low", "words"), [(60, "follows a wrong rationale"), (40, "does not just follow")])
def test_what_the_answer_owes_to_the_rationale(low, words):
    foreign = row(10, -70)
    foreign["with a picture"]["follows"] = score(70, low, 80, n=90)
    needs, follows = describe_ablations(FULL | {NO_RATIONALE.name: row(78, -2), OTHER_RATIONALE.name: foreign})
    assert needs.startswith("The answer stage does not measurably need the rationale: without one 78.0 %")
    assert follows == f"The answer stage {words}: of 90 rationales that come to another option it takes over 70.0 %."


def test_area_above_the_curve_of_early_answering():
    names = [name for name, each in ABLATIONS.items() if each.share is not None]
    late = early_answering(FULL | {name: row(0, 0, unchanged=0) for name in names})["with a picture"]
    assert [point["share"] for point in late["points"]] == [0, 0.25, 0.5, 0.75, 1]
    assert late["area"] == pytest.approx(1 - 0.25 / 2)
    early = early_answering(FULL | {name: row(0, 0, unchanged=100) for name in names})["with a picture"]
    assert early["area"] == pytest.approx(0)


def test_tables_of_before_have_no_share_of_answers_that_stay():
    old = row(38, -42)
    del old["with a picture"]["unchanged"]
    table = FULL | {NO_RATIONALE.name: old}
    assert conclude(table)["findings"][0].endswith("-42.0 points (95 % interval -47.0 to -37.0).")


def test_nothing_is_concluded_from_nothing():
    assert conclude(FULL) == {}
