"""Twins of SketchQA: pairs of problems whose pictures differ in one cue."""

import pytest
from PIL import ImageChops

from mmcot.data import load_splits
from mmcot.data.sketchqa import SketchQAOptions, generate, load_sketchqa
from mmcot.data.sketchqa.example import statements
from mmcot.data.sketchqa.families import ALL_FAMILIES


DRAWN = [name for name, family in ALL_FAMILIES.items() if family.draw]


def twins(name, pairs=40):
    rows = list(generate("test", SketchQAOptions(pairs=pairs, families=(name,))))
    return list(zip(rows[::2], rows[1::2], strict=True))


@pytest.mark.parametrize("name", DRAWN)
def test_twins_differ_in_the_picture_and_the_answer_alone(name):
    for first, second in twins(name):
        assert all(first[column] == second[column] for column in ("pair", "question", "hint", "choices", "family"))
        assert (first["answer"], first.get("accepted_answers")) != (second["answer"], second.get("accepted_answers"))
        assert first["solution"] != second["solution"]
        changed = ImageChops.difference(first["image"], second["image"]).getbbox()
        assert changed is not None


@pytest.mark.parametrize("name", DRAWN)
def test_what_is_right_of_a_picture_is_wrong_of_its_twin(name):
    for pair in twins(name):
        for own, other in (pair, pair[::-1]):
            assert not set(statements(own["solution"])) & set(own["contradicted"])
            assert set(statements(other["solution"])) & set(own["contradicted"])


def test_what_holds_for_every_picture_contradicts_none():
    for name, general in {"litmus": "means", "compass": "On a map", "map": "of the map", "bars": "sold"}.items():
        for row in (row for pair in twins(name, pairs=10) for row in pair):
            assert any(general in statement for statement in statements(row["solution"]))
            assert not any(general in statement for statement in row["contradicted"])
    for row in (row for pair in twins("magnets", pairs=10) for row in pair):
        if "red and blue" in row["solution"]:
            assert "The ends that meet are blue and red" not in row["contradicted"]


def test_pairs_are_the_split_test_and_leave_the_others_as_they_are():
    options = "train=6,validation=2,size=32"
    paired, plain = load_splits(f"sketchqa:{options},pairs=5"), load_splits(f"sketchqa:{options},test=5")
    assert len(paired["test"]) == 10
    assert paired["test"]["pair"][:2] == ["sketchqa-test-000000"] * 2
    assert paired["test"]["id"][:2] == ["sketchqa-test-000000", "sketchqa-test-000000-twin"]
    assert all(picture is not None for picture in paired["test"]["image"])
    assert paired["train"][:] == plain["train"][:]
    assert not {"pair", "contradicted"} & {*plain["test"].column_names, *paired["train"].column_names}


def test_pairs_need_pictures():
    with pytest.raises(ValueError, match="add a family that has some"):
        load_sketchqa(SketchQAOptions(pairs=2, families=("animals",)))
    with pytest.raises(ValueError, match="pairs must be 0 or more, got -1"):
        SketchQAOptions(pairs=-1)
