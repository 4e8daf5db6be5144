"""What a score stands beside, and the verdict on it."""

import pytest

from mmcot.data import load_splits
from mmcot.evaluation.ablations import run_ablations
from mmcot.evaluation.baselines import answer_blank, blank_sample, judge, measure_baselines, most_frequent_answers
from mmcot.evaluation.files import evaluate_file
from mmcot.evaluation.verdict import give_verdict
from mmcot.inference.generation import predict
from mmcot.inference.row_files import write_rows

from .labelled import make_examples, right_answers


def test_most_frequent_answer_is_learned_for_each_text_of_a_question():
    train = make_examples(5, question=["Why?"] * 3 + ["HOW?"] * 2, answer=[1, 1, 0, 2, 2])
    asked = make_examples(
        4, question=["why?", "How?", "Who?", "Why?"], choices=[["one", "two", "three"]] * 3 + [["three", "four"]]
    )
    # The last one asks without any option that was ever right for its text: three was right elsewhere.
    assert [row["choice_index"] for row in most_frequent_answers(train, asked)] == [1, 2, 1, 0]


def test_nothing_is_learned_from_problems_without_an_option_that_is_right():
    train = make_examples(4, question=["Why?"] * 4, choices=[[], ["one", "two"], [], ["one", "two"]])
    train = train.remove_columns("answer").add_column("answer", [None, None, None, 1])
    assert most_frequent_answers(train, make_examples(1, question=["Why?"]))[0]["choice_index"] == 1
    unlabelled = train.select(range(3))
    baselines = measure_baselines(right_answers(make_examples(2)), make_examples(2), train=unlabelled)
    assert "most frequent answer" not in baselines


def test_baselines_are_paired_on_the_problems_that_they_answer():
    dataset = make_examples(6, answer=[0] * 6)
    blank = [{"id": f"p{i}", "choice_index": i % 2} for i in range(4)]
    found = measure_baselines(right_answers(dataset), dataset, blank, make_examples(30, answer=[0] * 30))
    assert list(found) == ["full system", "blank pictures", "most frequent answer", "chance"]
    assert found["blank pictures"]["gain"]["value"] == 50
    assert [found["blank pictures"][name]["n"] for name in ("accuracy", "full", "gain")] == [4, 4, 4]
    assert (found["most frequent answer"]["gain"]["value"], found["most frequent answer"]["learned_from"]) == (0, 30)
    assert found["chance"]["accuracy"] == {"value": pytest.approx(100 / 3), "n": 6}
    alone = measure_baselines(right_answers(dataset), dataset, train=make_examples(3))
    assert list(alone) == ["full system", "chance"]


def test_sample_takes_a_tenth_of_the_problems_or_a_hundred():
    assert [len(blank_sample(n)) for n in (8, 600, 4241)] == [8, 100, 424]
    assert blank_sample(4241) == sorted(set(blank_sample(4241)))


def test_blank_pictures_are_those_of_the_ablation(test_split, tiny_model, make_model, tiny_processor):
    models, options = {"rationale": tiny_model, "answer": tiny_model}, {"max_new_tokens": 3}
    full = predict(models, tiny_processor, test_split, **options)
    ablated = run_ablations(models, tiny_processor, test_split, full, **options)
    assert answer_blank(models, tiny_processor, test_split, full, **options) == ablated["blank pictures"]
    blind = dict.fromkeys(models, make_model(vision_config=None, image_feature_size=24))
    assert answer_blank(blind, tiny_processor, test_split, full, **options) == []
    assert answer_blank(models, tiny_processor, make_examples(2), full, **options) == []


def score(value, width=4.0, n=600):
    return {"value": value, "n": n, "low": value - width, "high": value + width}


def beside(full, other, width=3.7, n=600):
    return {"accuracy": score(other, n=n), "full": score(full, n=n), "gain": score(full - other, width, n)}


CHANCE = {"accuracy": {"value": 25.0, "n": 600}}


@pytest.mark.parametrize(
    ("blank", "frequent", "sentence"),
    [
        (
            beside(68.6, 67.0),
            beside(68.6, 69.8),
            "The pictures make no measurable difference: 68.6 against 67.0 with blank ones (600 problems, difference "
            "1.6, interval -2.1 to 5.3); the most frequent answer to each question's text scores 69.8.",
        ),
        (
            beside(68.6, 80.6),
            None,
            "The pictures do harm: 68.6 against 80.6 with blank ones (600 problems, difference -12.0, interval "
            "-15.7 to -8.3).",
        ),
        (
            beside(70.0, 30.0, n=100),
            beside(68.6, 69.8),
            "It is not measurably better than the most frequent answer to each question's text: 68.6 against 69.8 "
            "(600 problems, difference -1.2, interval -4.9 to 2.5).",
        ),
        (
            beside(70.0, 30.0, n=100),
            beside(68.6, 40.0),
            "The pictures matter: 70.0 against 30.0 with blank ones (100 of 600 problems, difference 40.0, "
            "interval 36.3 to 43.7); the most frequent answer to each question's text scores 40.0.",
        ),
        (
            None,
            beside(68.6, 40.0),
            "It is better than the most frequent answer to each question's text: 68.6 against 40.0 (600 problems, "
            "difference 28.6, interval 24.9 to 32.3).",
        ),
        (None, None, "It is better than guessing: 68.6 against 25.0 %, interval 64.6 to 72.6."),
    ],
)
def test_the_verdict_says_the_worst_first(blank, frequent, sentence):
    baselines = {"full system": {"accuracy": score(68.6)}, "chance": CHANCE}
    baselines |= {"blank pictures": blank} if blank else {}
    baselines |= {"most frequent answer": frequent} if frequent else {}
    assert give_verdict(baselines) == sentence
    baselines["full system"] = {"accuracy": score(27.0)}
    assert give_verdict(baselines).startswith("It is not measurably better than guessing: 27.0 against 25.0 %")


def test_metrics_and_report_open_with_the_verdict(tmp_path):
    splits = load_splits("sketchqa:train=40,validation=1,test=60,size=32,families=moon,text_only=0")
    dataset = splits["test"]
    write_rows(tmp_path / "rows.jsonl", right_answers(dataset))
    blank = [row | {"choice_index": 0} for row in right_answers(dataset)]
    metrics = evaluate_file(tmp_path / "rows.jsonl", dataset, tmp_path, blank=blank, train=splits["train"])
    assert list(metrics)[:2] == ["verdict", "baselines"]
    assert metrics["verdict"].startswith("The pictures matter: 100.0 against ")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.index("The pictures matter: 100.0") < page.index("problems answered right")
    assert "the same model, every picture plain grey" in page
    assert judge(right_answers(dataset), dataset)["verdict"].startswith("It is better than guessing: 100.0 against")
