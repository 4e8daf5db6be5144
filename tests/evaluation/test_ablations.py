"""Ablations: what they change, what they leave, and what they cost."""

import pytest

from mmcot.configuration.ablations import ABLATIONS, BLANK, FULL_SYSTEM, NO_RATIONALE, OTHER_RATIONALE
from mmcot.data.image_column import has_image, stored_images
from mmcot.evaluation.ablations import measure_ablations, run_ablations
from mmcot.evaluation.changed_images import blank_images, shuffled_images
from mmcot.inference.generation import predict

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
    assert list(without_images) == [name for name, each in ABLATIONS.items() if each.rationales]


def test_a_stage_alone_sees_the_changed_pictures(test_split, loosen, make_model, tiny_processor):
    models = {"rationale": loosen(make_model(0)), "answer": loosen(make_model(1))}
    options = {"max_new_tokens": 6}
    full, blank = (predict(models, tiny_processor, data, **options) for data in (test_split, blank_images(test_split)))
    own = [row["rationale"] for row in full]
    ablated = run_ablations(models, tiny_processor, test_split, full, **options)

    def texts(rows):
        return [(row["rationale"], row["answer_text"]) for row in rows]

    assert texts(full) != texts(blank)
    assert texts(ablated["blank pictures"]) == texts(blank)
    answer_blind = predict(models, tiny_processor, blank_images(test_split), own, **options)
    assert texts(ablated["blank pictures, answer stage"]) == texts(answer_blind)
    first_blind = predict(models, tiny_processor, test_split, [row["rationale"] for row in blank], **options)
    assert texts(ablated["blank pictures, rationale stage"]) == texts(first_blind)


def test_nothing_is_generated_twice(test_split, tiny_model, tiny_processor):
    models, said = {"rationale": tiny_model, "answer": tiny_model}, []
    full = predict(models, tiny_processor, test_split, max_new_tokens=3)
    chosen = [ABLATIONS["blank pictures, answer stage"], ABLATIONS["blank pictures"]]
    run_ablations(models, tiny_processor, test_split, full, ablations=chosen, say=said.append, max_new_tokens=3)
    pictured = sum(has_image(test_split))
    # Both stages for the system itself and for one ablation; for the other the answer stage, and what stage 1 wrote.
    assert said[0] == f"Of 36 texts of the rationale stage, {pictured} had to be generated."
    assert said[1].startswith("Of 36 texts of the answer stage, ")
    assert pictured <= int(said[1].split()[7]) <= 2 * pictured


def test_trained_towers_look_once_at_each_picture(test_split, make_model, tiny_processor, monkeypatch):
    model, looked = make_model(freeze_vision=False), []
    look = type(model).get_image_features
    monkeypatch.setattr(
        type(model), "get_image_features", lambda self, pixels: (looked.append(len(pixels)), look(self, pixels))[1]
    )
    run_ablations({"rationale": model, "answer": model}, tiny_processor, test_split, [], max_new_tokens=2)
    distinct = {picture["bytes"] for picture in stored_images(test_split) if picture}
    assert sum(looked) == 2 * (len(distinct) + 1)  # for each stage, and once a blank one


def test_ablation_table_says_what_each_costs(several_images):
    rows = right_answers(several_images)
    table = measure_ablations(rows, {BLANK.name: rows[:1], NO_RATIONALE.name: []}, several_images)
    assert list(table) == [FULL_SYSTEM, BLANK.name, NO_RATIONALE.name]
    assert list(table[BLANK.name]) == ["all problems", "with a picture"]
    assert "difference" not in table[FULL_SYSTEM]["all problems"]
    assert table[BLANK.name]["all problems"]["accuracy"]["value"] == pytest.approx(100 / 3)
    assert table[BLANK.name]["with a picture"]["difference"]["value"] == -50
    assert table[NO_RATIONALE.name]["with a picture"]["difference"]["n"] == 2
    assert table[BLANK.name]["all problems"]["unchanged"]["value"] == pytest.approx(100 / 3)
    assert list(measure_ablations(rows, {BLANK.name: []}, make_examples(3))[BLANK.name]) == ["all problems"]


def test_share_of_answers_that_go_with_a_wrong_rationale():
    dataset = make_examples(4, answer=[0, 0, 0, 0])
    foreign = ["So it is two.", "So it is three.", "So it is one.", "So it is neither."]
    rows = [{"id": f"p{i}", "choice_index": i % 2, "rationale": text} for i, text in enumerate(foreign)]
    measured = measure_ablations(right_answers(dataset), {OTHER_RATIONALE.name: rows}, dataset)
    scores = measured[OTHER_RATIONALE.name]["all problems"]
    # Two of them come to an option that was not the answer; neither of their answers is that one.
    assert (scores["follows"]["value"], scores["follows"]["n"]) == (0, 2)
    rows[0]["choice_index"] = 1
    followed = measure_ablations(right_answers(dataset), {OTHER_RATIONALE.name: rows}, dataset)
    assert followed[OTHER_RATIONALE.name]["all problems"]["follows"]["value"] == 50
