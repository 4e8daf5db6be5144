"""Evaluation: predictions of any system beside their problems, scores with intervals, comparisons, ablations."""

import json

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import BertConfig, BertModel

from mmcot.configuration.ablations import ABLATIONS, BLANK, FULL_SYSTEM, NO_RATIONALE
from mmcot.data import load_splits
from mmcot.data.image_column import has_image, stored_images
from mmcot.evaluation.ablations import (
    blank_images,
    gold_rationales,
    measure_ablations,
    run_ablations,
    shuffled_images,
)
from mmcot.evaluation.comparison import compare_predictions, mcnemar
from mmcot.evaluation.files import evaluate_file, headline
from mmcot.evaluation.intervals import estimate, estimate_difference
from mmcot.evaluation.predictions import match_predictions, read_predictions
from mmcot.evaluation.scores import evaluate, with_whole_rationales
from mmcot.evaluation.similarity import similarities


SUBJECTS = ("natural science", "social science", "language science")
fractions = st.lists(st.floats(0, 1), min_size=1, max_size=30)
values = st.none() | st.booleans() | st.integers() | st.text(max_size=8)


def make_problems(n=12, **columns):
    """`n` problems of three options, the right one going round, without pictures unless told otherwise."""
    rows = {
        "id": [f"p{i}" for i in range(n)],
        "question": [f"Which is number {i}?" for i in range(n)],
        "choices": [["one", "two", "three"]] * n,
        "answer": [i % 3 for i in range(n)],
        "hint": ["Count." if i % 2 else "" for i in range(n)],
        "subject": [SUBJECTS[i % 3] for i in range(n)],
        "grade": [f"grade{i + 1}" for i in range(n)],
        "solution": [f"It is number {i}." for i in range(n)],
    }
    return datasets.Dataset.from_dict({name: column for name, column in {**rows, **columns}.items() if column})


def right_answers(dataset):
    return [{"id": row["id"], "choice_index": row["answer"], "rationale": row["solution"]} for row in dataset]


def images_of(*sides):
    return [Image.new("RGB", (side, side + 1), (side, 0, 0)) for side in sides]


@pytest.fixture(scope="module")
def test_split():
    return load_splits("sketchqa:train=1,validation=1,test=12,size=32")["test"]


@pytest.fixture(scope="module")
def several_images():
    """Three problems with two pictures, none, and one."""
    dataset = make_problems(3, image=[images_of(8, 9), [], images_of(10)])
    assert dataset.features["image"] == datasets.List(datasets.Image())
    return dataset


def test_every_problem_counts_whatever_is_missing(test_split):
    rows = right_answers(test_split)
    perfect = evaluate(rows, test_split, by=["family"])
    assert perfect["accuracy"]["average"]["value"] == 100
    assert perfect["rationale"]["rouge_l"]["value"] == pytest.approx(1)
    assert sum(score["n"] for score in perfect["accuracy"]["family"].values()) == len(test_split)
    rows[0]["choice_index"] = None
    spoiled = evaluate([*rows[:-1], {"id": "stranger", "choice_index": 0}, rows[1]], test_split)
    assert [spoiled[name] for name in ("unparsed", "missing", "unknown", "duplicate")] == [1, 1, 1, 1]
    assert spoiled["unparsed_ids"] == [rows[0]["id"]]
    assert spoiled["missing_ids"] == [rows[-1]["id"]]
    assert spoiled["unknown_ids"] == ["stranger"]
    assert spoiled["duplicate_ids"] == [rows[1]["id"]]
    assert spoiled["accuracy"]["average"]["value"] == pytest.approx(100 * 10 / 12)


def test_classes_are_the_papers(several_images):
    dataset = make_problems(8)
    scores = evaluate(right_answers(dataset)[:4], dataset)
    assert {name: score["n"] for name, score in scores["accuracy"].items()} == {
        **{"NAT": 3, "SOC": 3, "LAN": 2, "TXT": 4, "NO": 4, "G1-6": 6, "G7-12": 2},
        "average": 8,
    }
    assert scores["accuracy"]["LAN"]["value"] == 50
    assert scores["chance"]["average"] == pytest.approx(100 / 3)
    assert "TXT" not in evaluate([], make_problems(hint=None))["accuracy"]
    assert evaluate([], several_images)["accuracy"]["IMG"]["n"] == 2


def test_accuracy_by_any_column():
    dataset = make_problems(11, answer=[0] * 11)
    scores = evaluate([{"id": "p9", "choice_index": 0}], dataset, by=["grade", "answer"])["accuracy"]
    assert list(scores["grade"]) == [f"grade{grade}" for grade in range(1, 12)]
    assert scores["grade"]["grade10"]["value"] == 100
    assert scores["answer"]["0"]["n"] == 11
    with pytest.raises(ValueError, match="no column 'family' to report by; the data set has id, "):
        evaluate([], dataset, by=["family"])


def test_rationales_without_reference_are_left_out_and_empty_ones_score_nothing():
    dataset = make_problems(4, solution=["It is one.", "It is two.", " ", ""])
    rows = [{"id": "p0", "choice_index": 0, "rationale": "It is one."}, {"id": "p2", "choice_index": 0}]
    scores = evaluate(rows, dataset)["rationale"]
    assert list(scores) == ["rougeL", "rouge_l", "bleu1", "bleu4"]
    assert (scores["bleu1"]["value"], scores["bleu1"]["n"]) == (0.5, 2)
    assert evaluate([{"id": "p0", "choice_index": 0}], dataset)["rationale"] == {}
    assert evaluate(rows, make_problems(4, solution=None))["rationale"] == {}


def test_other_systems_give_text_or_index_and_any_ids():
    dataset = make_problems(4, id=[1, 2, 3, 4])
    rows = [
        {"id": "1", "answer_text": "The answer is (A)."},
        {"id": 2, "answer_text": "two"},
        {"id": 3, "choice_index": 2, "answer_text": "(A)"},
        {"id": 4, "answer_text": "one or two"},
    ]
    answered = match_predictions(rows, dataset)
    assert answered.right.tolist() == [True, True, True, False]
    assert (answered.unparsed, answered.missing) == (["4"], [])


@pytest.mark.parametrize(
    ("prediction", "message"),
    [
        ({"choice_index": 3}, "'p1' has choice_index 3; use 0 to 2, or null for none"),
        ({"choice_index": -1}, "'p1' has choice_index -1"),
        ({"choice_index": "1"}, "'p1' has choice_index '1'"),
        ({"choice_index": True}, "'p1' has choice_index True"),
        ({}, "'p1' has no answer; give it choice_index .* or answer_text"),
        ({"answer_text": None}, "'p1' has no answer"),
        ({"choice_index": 1, "rationale": ["because"]}, "'p1' has a rationale that is no text"),
    ],
)
def test_predictions_that_are_none_name_their_id(prediction, message):
    with pytest.raises(ValueError, match=message):
        evaluate([{"id": "p1", **prediction}], make_problems())


@pytest.mark.parametrize("answers", [None, [0, None, 1]])
def test_split_without_labels_is_refused(answers):
    with pytest.raises(ValueError, match="Problem 'p[01]' has no right answer: this split carries no labels"):
        evaluate([], make_problems(3, answer=answers))


def test_split_without_problems_is_refused():
    with pytest.raises(ValueError, match="holds no problem to score"):
        evaluate([], make_problems(3).select([]))


@settings(derandomize=True, deadline=None, max_examples=50)
@given(rows=st.lists(st.dictionaries(st.text(max_size=5), values, max_size=3), max_size=4))
def test_predictions_read_back(rows, tmp_path_factory):
    rows = [{**row, "id": str(position)} for position, row in enumerate(rows)]
    path = tmp_path_factory.mktemp("rows") / "predictions.jsonl"
    text = "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    assert read_predictions(path) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": 1}\n\n{"id": }', r"predictions.jsonl, line 3 is not valid JSON"),
        (b'{"id": 1}\n[1]', "line 2 must be an object with an id"),
        (b'{"choice_index": 1}', "line 1 must be an object with an id"),
        (b'{"id": null}', "line 1 must be an object with an id"),
        (b"\xff\xfe", "predictions.jsonl is not UTF-8 text"),
    ],
)
def test_unreadable_predictions_name_their_line(content, message, tmp_path):
    path = tmp_path / "predictions.jsonl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_predictions(path)
    with pytest.raises(ValueError, match="no file .*other.jsonl"):
        read_predictions(tmp_path / "other.jsonl")


@settings(derandomize=True, deadline=None, max_examples=50)
@given(values=fractions)
def test_intervals_hold_their_value(values):
    score = estimate(values)
    assert 0 <= score["low"] <= score["value"] + 1e-9
    assert score["value"] - 1e-9 <= score["high"] <= 1
    assert score == estimate(values)


def test_intervals_are_as_wide_as_theory_has_them():
    score = estimate(np.arange(1000) % 4 == 0, scale=100)
    assert score["value"] == 25
    half = 196 * np.sqrt(0.25 * 0.75 / 1000)
    assert (score["low"], score["high"]) == pytest.approx((25 - half, 25 + half), abs=0.4)


@pytest.mark.parametrize(("outcome", "n", "low", "high"), [(1, 20, 0.8389, 1), (0, 20, 0, 0.1611), (1, 1, 0.2065, 1)])
def test_all_right_and_all_wrong_are_not_certain(outcome, n, low, high):
    score = estimate([outcome] * n)
    assert (score["low"], score["high"]) == pytest.approx((low, high), abs=1e-4)


def test_equal_fractions_are_as_uncertain_as_the_successes_next_to_them():
    score = estimate([0.3] * 20)
    # Wilson's for 6 of 20; a whole number of successes needs no neighbours.
    assert (score["low"], score["high"]) == pytest.approx((0.1455, 0.5190), abs=1e-4)
    score = estimate([0.5])
    assert (score["low"], score["high"]) == (0, 1)  # half a success of one: none or one


def test_systems_that_never_disagree_may_still_differ():
    same = np.array([True, False] * 10)
    score = estimate_difference(same, same)
    assert score["value"] == 0
    # Bonett and Price: 1.96 * sqrt((1 + 1) / 22 / 22).
    assert (score["low"], score["high"]) == pytest.approx((-0.126, 0.126), abs=1e-3)
    assert estimate_difference(np.ones(5, bool), np.zeros(5, bool))["low"] < 0.9


def test_compare_counts_pairs():
    dataset = make_problems()
    rows = right_answers(dataset)
    result = compare_predictions(rows[:9], rows[2:4] + [{"id": "p11", "choice_index": None}], dataset)
    assert [result[name] for name in ("both_right", "only_first", "only_second", "both_wrong")] == [2, 7, 0, 3]
    assert result["p_value"] == pytest.approx(2 / 2**7)
    assert result["difference"]["value"] == pytest.approx(100 * 7 / 12)
    assert result["difference"]["low"] > 0
    turned = compare_predictions(rows[2:4], rows[:9], dataset)
    assert turned["difference"]["value"] == -result["difference"]["value"]
    assert turned["p_value"] == result["p_value"]


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"), [(0, 0, 1), (1, 0, 1), (5, 5, 1), (1, 9, 22 / 1024), (9, 1, 22 / 1024)]
)
def test_mcnemar_by_hand(only_first, only_second, p):
    assert mcnemar(only_first, only_second) == pytest.approx(p)


def test_mcnemar_of_many_problems():
    # The normal approximation with continuity correction: z = 99 / sqrt(10100).
    assert mcnemar(5100, 5000) == pytest.approx(0.3246, abs=1e-3)


@pytest.fixture(scope="module")
def encoder(tiny_tokenizer, tmp_path_factory):
    """Folder of a tiny sentence encoder with random weights."""
    folder = tmp_path_factory.mktemp("encoder")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    BertModel(BertConfig(vocab_size=len(tiny_tokenizer), max_position_embeddings=40, **sizes)).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


def test_similarity_is_a_cosine_that_no_neighbour_changes(encoder):
    texts = ["a red cat", "", "the ball is green", "a red cat " * 30]
    scores = similarities(texts, ["a red cat", "x", "the cat is red", "a blue dog"], encoder, progress=False)
    assert scores[0] == pytest.approx(1)
    assert scores[1] == 0
    assert all(-1 <= score <= 1 for score in scores)
    alone = similarities(texts[2:3], ["the cat is red"], encoder, progress=False)
    assert alone[0] == pytest.approx(scores[2], abs=1e-5)
    dataset = make_problems()
    assert evaluate(right_answers(dataset), dataset, encoder=encoder)["rationale"]["similarity"]["value"] == (
        pytest.approx(1)
    )


def test_similarity_without_encoder_says_so(tmp_path):
    with pytest.raises(ValueError, match="no sentence encoder in .*nowhere"):
        similarities(["a"], ["b"], tmp_path / "nowhere")


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
    without_images = run_ablations(models, tiny_processor, make_problems(2), [], **options)
    assert list(without_images) == ["no rationale", "gold rationale"]


def test_problem_without_gold_rationale_keeps_its_own(tiny_processor):
    predictions = [{"id": "p0", "rationale": "Mine."}, {"id": "p1", "rationale": "Mine, too."}]
    dataset = make_problems(3, solution=["Gold.", "", None])
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
    assert list(measure_ablations(rows, {BLANK.name: []}, make_problems(3))[BLANK.name]) == ["all problems"]


def test_evaluate_file_scores_compares_and_reports(tmp_path):
    dataset = make_problems()
    rows = right_answers(dataset)
    for name, part in (("ours", rows), ("theirs", rows[:6])):
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")
    metrics = evaluate_file(
        *(tmp_path / "ours", dataset, tmp_path / "report"),
        by=["grade"],
        compare_path=tmp_path / "theirs",
        ablated={NO_RATIONALE.name: rows[:3]},
    )
    written = json.loads((tmp_path / "report" / "metrics.json").read_text(encoding="utf-8"))
    assert written == metrics
    assert (written["comparison"]["other"], written["comparison"]["only_first"]) == ("theirs", 6)
    assert written["ablations"][NO_RATIONALE.name]["all problems"]["difference"]["value"] == -75
    assert headline(metrics).startswith("12 of 12 problems right: 100.0 %, 95 % interval 75.8 to 100.0 %; guessing")


def test_whole_rationale_includes_the_lecture_where_the_model_writes_it(tiny_processor):
    test = load_splits("sketchqa:train=1,validation=1,test=6,size=32")["test"]
    test = test.remove_columns("lecture").add_column("lecture", ["Look at the picture first."] * 6)
    assert with_whole_rationales(test, tiny_processor) is test
    tiny_processor.lecture = True
    whole = with_whole_rationales(test, tiny_processor)
    rows = [{"id": row["id"], "choice_index": 0, "rationale": f"{row['lecture']} {row['solution']}"} for row in test]
    assert evaluate(rows, whole)["rationale"]["rougeL"]["value"] == 1
    assert evaluate(rows, test)["rationale"]["rougeL"]["value"] < 1
