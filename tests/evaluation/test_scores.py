"""Scores of predictions in the paper's classes and by column, and files of them evaluated whole."""

import json

import pytest

from mmcot.configuration.ablations import NO_RATIONALE
from mmcot.data import load_splits
from mmcot.evaluation.files import evaluate_file, headline
from mmcot.evaluation.scores import evaluate, with_whole_rationales

from .labelled import make_examples, right_answers


def test_likeness_of_words_does_not_hide_a_wrong_conclusion():
    golds = [
        f"I look at the picture and count what is in it from left to right. So it is {n}." for n in ("one", "two")
    ]
    dataset = make_examples(2, solution=golds)
    fluent = [{"id": f"p{i}", "choice_index": i, "rationale": golds[0]} for i in range(2)]
    metrics = evaluate(fluent, dataset)
    assert metrics["rationale"]["rouge_l"]["value"] > 0.95
    assert (metrics["conclusion"]["value"], metrics["conclusion"]["n"]) == (50, 2)
    assert "conclusion" not in evaluate([{"id": "p0", "choice_index": 0}], dataset)


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
    dataset = make_examples(8)
    scores = evaluate(right_answers(dataset)[:4], dataset)
    assert {name: score["n"] for name, score in scores["accuracy"].items()} == {
        **{"NAT": 3, "SOC": 3, "LAN": 2, "TXT": 4, "NO": 4, "G1-6": 6, "G7-12": 2},
        "average": 8,
    }
    assert scores["accuracy"]["LAN"]["value"] == 50
    assert scores["chance"]["average"] == pytest.approx(100 / 3)
    assert "TXT" not in evaluate([], make_examples(hint=None))["accuracy"]
    assert evaluate([], several_images)["accuracy"]["IMG"]["n"] == 2


def test_accuracy_by_any_column():
    dataset = make_examples(11, answer=[0] * 11)
    scores = evaluate([{"id": "p9", "choice_index": 0}], dataset, by=["grade", "answer"])["accuracy"]
    assert list(scores["grade"]) == [f"grade{grade}" for grade in range(1, 12)]
    assert scores["grade"]["grade10"]["value"] == 100
    assert scores["answer"]["0"]["n"] == 11
    with pytest.raises(ValueError, match="no column 'family' to report by; the data set has id, "):
        evaluate([], dataset, by=["family"])


def test_rationales_without_reference_are_left_out_and_empty_ones_score_nothing():
    dataset = make_examples(4, solution=["It is one.", "It is two.", " ", ""])
    rows = [{"id": "p0", "choice_index": 0, "rationale": "It is one."}, {"id": "p2", "choice_index": 0}]
    scores = evaluate(rows, dataset)["rationale"]
    assert list(scores) == ["rougeL", "rouge_l", "bleu1", "bleu4"]
    assert (scores["bleu1"]["value"], scores["bleu1"]["n"]) == (0.5, 2)
    assert evaluate([{"id": "p0", "choice_index": 0}], dataset)["rationale"] == {}
    assert evaluate(rows, make_examples(4, solution=None))["rationale"] == {}


def test_column_called_like_a_class_is_not_reported_by():
    with pytest.raises(ValueError, match="'average' to report by is called like a class of scores"):
        evaluate([], make_examples(average=["x"] * 12), by=["average"])


def test_values_of_a_column_may_be_long_or_end_in_what_arrays_drop():
    values = ["9" * 5000, "a", "a\0", "a" * 5000] * 3
    scores = evaluate([], make_examples(source=values), by=["source"])["accuracy"]["source"]
    assert {value: score["n"] for value, score in scores.items()} == dict.fromkeys(values, 3)


def test_names_of_files_that_are_no_text_are_written_as_json_spells_them(tmp_path):
    path, other = tmp_path / "predictions.jsonl", tmp_path / "other\udcff.jsonl"
    path.write_text('{"id": "p1", "choice_index": 1}')
    other.write_text('{"id": "p1", "choice_index": 2}')
    evaluate_file(path, make_examples(), tmp_path / "report", compare_path=other)
    written = json.loads((tmp_path / "report" / "metrics.json").read_text(encoding="utf-8"))
    assert written["comparison"]["other"] == other.name


def test_evaluate_file_scores_compares_and_reports(tmp_path):
    dataset = make_examples()
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
    assert (
        headline(metrics)
        .splitlines()[1]
        .startswith("12 of 12 problems right: 100.0 %, 95 % interval 75.8 to 100.0 %; guessing")
    )


def test_whole_rationale_includes_the_lecture_where_the_model_writes_it(tiny_processor):
    test = load_splits("sketchqa:train=1,validation=1,test=6,size=32")["test"]
    test = test.remove_columns("lecture").add_column("lecture", ["Look at the picture first."] * 6)
    assert with_whole_rationales(test, tiny_processor) is test
    tiny_processor.lecture = True
    whole = with_whole_rationales(test, tiny_processor)
    rows = [{"id": row["id"], "choice_index": 0, "rationale": f"{row['lecture']} {row['solution']}"} for row in test]
    assert evaluate(rows, whole)["rationale"]["rougeL"]["value"] == 1
    assert evaluate(rows, test)["rationale"]["rougeL"]["value"] < 1
