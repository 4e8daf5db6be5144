"""Ablations: what they change, what they leave, and what they cost."""

import pytest

from mmcot.configuration.ablations import ABLATIONS, BLANK, FULL_SYSTEM, NO_RATIONALE
from mmcot.data.image_column import has_image, stored_images
from mmcot.evaluation.ablations import (
    blank_images,
    gold_rationales,
    measure_ablations,
    run_ablations,
    shuffled_images,
)

from .labelled import make_examples, right_answers


def test_ablations_change_pictures_only(test_split):
    pictured = has_image(test_split)
    blank, shuffled = blank_images(test_split), shuffled_images(test_split)
    for changed in (blank, shuffled):
        assert has_image(changed) == pictured
        assert changed.remove_columns("image")[:] == test_split.remove_columns("image")[:]
    assert all(row["image"].size == (32, 32) and len(row["image"].getcolors()) == 1 for row in blank if row["image"])
    before, after = ([p["bytes"] for p in stored_images(data) if p] for data in (test_split, shuffled))
    assert sorted(before) == sorted(after)
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_ablations_of_problems_with_several_pictures(several_images):
    def sizes(dataset):
        return [[picture.size for picture in row["image"]] for row in dataset]

    assert has_image(several_images) == [True, False, True]
    assert sizes(blank_images(several_images)) == sizes(several_images) == [[(8, 9), (9, 10)], [], [(10, 11)]]
    assert all(len(p.getcolors()) == 1 for row in blank_images(several_images) for p in row["image"])
    assert sizes(shuffled_images(several_images)) == [[(10, 11)], [], [(8, 9), (9, 10)]]


def test_run_ablations_of_two_stages(test_split, tiny_model, tiny_processor):
    models, dataset = {"rationale": tiny_model, "answer": tiny_model}, test_split.select(range(4))
    ablated = run_ablations(models, tiny_processor, dataset, [], max_new_tokens=3)
    assert list(ablated) == list(ABLATIONS)
    assert all([row["id"] for row in rows] == dataset["id"][:] for rows in ablated.values())
    assert {row["rationale"] for row in ablated["no rationale"]} == {""}
    assert [row["rationale"] for row in ablated["gold rationale"]] == dataset["solution"][:]


def test_run_ablations_leaves_out_what_is_not_there(test_split, tiny_model, tiny_processor):
    options = {"max_new_tokens": 3}
    one_stage = run_ablations({"direct": tiny_model}, tiny_processor, test_split.select(range(2)), [], **options)
    assert list(one_stage) == ["blank pictures", "shuffled pictures"]
    models = {"rationale": tiny_model, "answer": tiny_model}
    without_images = run_ablations(models, tiny_processor, make_examples(2), [], **options)
    assert list(without_images) == ["no rationale", "gold rationale"]


def test_problem_without_gold_rationale_keeps_its_own(tiny_processor):
    predictions = [{"id": "p0", "rationale": "Mine."}, {"id": "p1", "rationale": "Mine, too."}]
    dataset = make_examples(3, solution=["Gold.", "", None])
    assert gold_rationales(dataset, tiny_processor, predictions) == ["Gold.", "Mine, too.", ""]


def test_ablation_table_says_what_each_costs(several_images):
    rows = right_answers(several_images)
    table = measure_ablations(rows, {BLANK.name: rows[:1], NO_RATIONALE.name: []}, several_images)
    assert list(table) == [FULL_SYSTEM, BLANK.name, NO_RATIONALE.name]
    assert list(table[BLANK.name]) == ["all problems", "with a picture"]
    assert "difference" not in table[FULL_SYSTEM]["all problems"]
    assert table[BLANK.name]["all problems"]["accuracy"]["value"] == pytest.approx(100 / 3)
    assert table[BLANK.name]["with a picture"]["difference"]["value"] == -50
    assert table[NO_RATIONALE.name]["with a picture"]["difference"]["n"] == 2
    assert list(measure_ablations(rows, {BLANK.name: []}, make_examples(3))[BLANK.name]) == ["all problems"]
