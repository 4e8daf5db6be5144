"""Problems without options: scored beside those with options, never among them."""

import json

import datasets
import pytest

from mmcot.configuration.ablations import BLANK, MASKED, NO_RATIONALE, OTHER_RATIONALE
from mmcot.configuration.metrics import WITH_OPTIONS, WITHOUT_OPTIONS
from mmcot.data import load_splits
from mmcot.evaluation.ablations import run_ablations
from mmcot.evaluation.baselines import judge, most_frequent_answers
from mmcot.evaluation.changed_rationales import Reasoned, change_rationales
from mmcot.evaluation.conclusions import is_right
from mmcot.evaluation.files import evaluate_file, headline
from mmcot.evaluation.pairs import score_pairs
from mmcot.evaluation.predictions import match_predictions
from mmcot.evaluation.scores import evaluate


TEN = ["cat"] * 2 + ["dog"] * 3 + ["two dogs"] * 5


def make_mixed(chosen=4, free=4):
    """Problems with two options, the second right, and such that ask for a number; the last has ten answers."""
    rows = [
        {"id": f"c{n}", "question": "Which?", "choices": ["red", "blue"], "answer": 1, "accepted_answers": []}
        for n in range(chosen)
    ]
    rows += [
        {"id": f"f{n}", "question": "How many?", "choices": [], "answer": None, "accepted_answers": [f"{n}", "many"]}
        for n in range(free)
    ]
    if free:
        rows[-1]["accepted_answers"] = TEN
    solved = [{**row, "hint": "", "solution": f"I see {(row['accepted_answers'] or ['blue'])[0]}."} for row in rows]
    return datasets.Dataset.from_list(solved)


def say(identifier, text, **fields):
    return {"id": identifier, "choice_index": None, "answer_text": f"The answer is {text}.", **fields}


ROWS = [
    *({"id": f"c{n}", "choice_index": n % 2, "rationale": "I see blue."} for n in range(3)),
    *(say("f0", "zero", confidence=0.9, rationale="I see 0."), say("f1", "2", confidence=0.2, rationale="I see 2.")),
    *(say("f2", "(B)"), say("f3", "a cat"), say("nobody", "5")),
]


def test_each_kind_has_its_own_scores():
    metrics = evaluate(ROWS, make_mixed(), by=["question"])
    free = metrics["without_options"]
    assert (metrics["accuracy"]["average"]["value"], metrics["accuracy"]["average"]["n"]) == (25, 4)
    assert (free["exact_match"]["average"]["value"], free["exact_match"]["average"]["n"]) == (50, 4)
    assert list(metrics["accuracy"]["question"]) == ["Which?"]
    assert list(free["exact_match"]["question"]) == ["How many?"]
    assert metrics["chance"]["average"] == 50
    assert "chance" not in free
    assert (metrics["missing_ids"], metrics["unparsed"], metrics["unknown_ids"]) == (["c3"], 0, ["nobody"])
    assert (free["unparsed_ids"], free["missing"]) == (["f2"], 0)
    assert "unknown" not in free
    assert (metrics["confidence"], free["confidence"]["n"]) == ({}, 2)
    assert (metrics["conclusion"]["value"], free["conclusion"]["value"]) == (75, 25)


@pytest.mark.parametrize(("answer", "score"), [("cat", 200 / 3), ("2 dogs", 100), ("a dog!", 100), ("cow", 0)])
def test_direct_answer_score(answer, score):
    """Two of ten said cat, three dog, five two dogs."""
    metrics = evaluate([say("f3", answer)], make_mixed())["without_options"]
    assert metrics["direct_answer"]["value"] == pytest.approx(score)
    assert metrics["direct_answer"]["n"] == 1


def test_data_without_any_options(tmp_path):
    dataset = make_mixed(chosen=0, free=6)
    rows = [say(f"f{n}", n) for n in range(5)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    metrics = evaluate_file(
        tmp_path / "rows.jsonl", dataset, tmp_path / "report", compare_path=tmp_path / "rows.jsonl"
    )
    assert not {"accuracy", "chance", "verdict", "comparison"} & metrics.keys()
    free = metrics["without_options"]
    assert list(free)[:2] == ["verdict", "baselines"]
    assert free["verdict"].startswith("Nothing was measured to set it against: 83.3 %")
    assert free["comparison"]["both_right"] == 5
    lines = headline(metrics).splitlines()
    assert lines[0] == f"Without options: {free['verdict']}"
    assert lines[1].startswith("5 of 6 problems without options right: 83.3 %")
    assert "guessing" not in lines[1]
    assert "the direct-answer score is 0.0 %" in lines[1]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Problems without options" in page
    assert "guessing" not in page
    assert (tmp_path / "report" / "without_options_accuracy.png").is_file()


def test_report_of_both_kinds(tmp_path):
    dataset, train = make_mixed(), make_mixed(chosen=30, free=30)
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    ablated = {NO_RATIONALE.name: [*ROWS[:3], say("f0", "0"), say("f1", "1")]}
    metrics = evaluate_file(tmp_path / "rows.jsonl", dataset, tmp_path / "report", ablated=ablated, train=train)
    assert metrics["ablations"][NO_RATIONALE.name]["all problems"]["difference"]["n"] == 4
    change = metrics["without_options"]["ablations"][NO_RATIONALE.name]["all problems"]
    assert (change["difference"]["value"], change["unchanged"]["value"]) == (0, 50)
    assert "most frequent answer" in metrics["baselines"]
    assert "most frequent answer" in metrics["without_options"]["baselines"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("Wrong answers</h2>") == page.count("Which stage looks") == 2
    places = [part.split('"')[0] for part in page.split('id="')[1:]]
    assert len(set(places)) == len(places)
    assert "No answer in words" in page
    assert '<span class="text" dir="auto">many</span><em>✓ right</em>' in page
    assert '<span class="text" dir="auto">2</span><em>✗ said</em>' in page
    assert json.loads((tmp_path / "report" / "metrics.json").read_text()) == metrics


def test_most_frequent_answer_in_words():
    rows = {row["id"]: row for row in most_frequent_answers(make_mixed(chosen=2, free=30), make_mixed())}
    assert rows["c0"] == {"id": "c0", "choice_index": 1}
    assert rows["f0"]["answer_text"] == "0"
    found = judge(ROWS, make_mixed(), blank=[say("f0", "9")], train=make_mixed(free=30), kind=WITHOUT_OPTIONS)
    assert found["baselines"][BLANK.name]["accuracy"]["n"] == 1
    assert "chance" not in found["baselines"]
    assert judge(ROWS, make_mixed(), blank=[say("f0", "9")], kind=WITH_OPTIONS)["baselines"].keys() == {
        "full system",
        "chance",
    }


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"id": "f0", "choice_index": 0}, "has choice_index 0; its problem has no options, use null"),
        ({"id": "f0", "choice_index": None}, r"has no answer; give it answer_text \(a text\)"),
        ({"id": "f0", "answer_text": 5}, "has an answer_text that is no text: 5"),
    ],
)
def test_what_is_no_answer_in_words(row, fault):
    with pytest.raises(ValueError, match=fault):
        match_predictions([row], make_mixed())


def test_answers_are_those_of_any_other_system():
    answered = match_predictions(
        [{"id": "f0", "answer_text": "0.0"}, {"id": "f3", "answer_text": "Cats"}], make_mixed()
    )
    assert list(answered.right[4:]) == [True, False, False, False]
    assert answered.chosen[4:] == ["0", None, None, "cats"]
    assert answered.of_kind(WITH_OPTIONS).chosen == [None] * 4


@pytest.mark.parametrize(
    ("rationale", "gold", "right"),
    [
        ("I count three. So there are 3 balls.", "There are three.", True),
        ("There are three of them.", "", True),
        ("There are 3. So there are 4.", "There are three.", False),
        ("There are 33.", "", False),
        # The gold rationale ends without the answer: its last sentence counts.
        ("It rains. Look at the clouds.", "It is three. Look at the clouds.", True),
        ("It is three.", "It is three. Look at the clouds.", False),
    ],
)
def test_conclusion_of_a_rationale(rationale, gold, right):
    example = {"choices": [], "answer": None, "accepted_answers": ["3", "trio"], "solution": gold}
    assert is_right(rationale, example) is right


def test_rationales_are_changed_without_options_too(tiny_processor):
    examples = make_mixed(chosen=1, free=3).to_list()
    texts = ["I see blue (B).", "I see 0, zero.", "I see two or 1.", "There is a cat."]
    reasoned = Reasoned(examples, texts, [1, None, None, None], ["B", "0", "2", None], tiny_processor)
    assert change_rationales(MASKED, reasoned) == [
        "I see ... ....",
        "I see ..., ....",
        "I see ... or ....",
        "There is a ....",
    ]
    others = change_rationales(OTHER_RATIONALE, reasoned)
    assert all(other in texts and other != own for other, own in zip(others, texts, strict=True))


def test_ablations_of_both_kinds(tiny_model, tiny_processor):
    test = load_splits("sketchqa:train=1,validation=1,test=6,size=32,families=count+moon,text_only=0")["test"]
    models = {"rationale": tiny_model, "answer": tiny_model}
    ablated = run_ablations(models, tiny_processor, test, [], max_new_tokens=3)
    free = {row["id"] for row in test if not row["choices"]}
    assert 0 < len(free) < 6
    for rows in ablated.values():
        assert all(row["choice_index"] is None for row in rows if row["id"] in free)


def test_pairs_without_options():
    twins = load_splits("sketchqa:train=1,validation=1,pairs=4,families=colour,size=32")["test"]
    rows = [say(row["id"], row["accepted_answers"][0], rationale=row["solution"]) for row in twins]
    pairs = score_pairs(match_predictions(rows, twins))["pairs"]
    assert pairs.keys() == {"both_right", "answer_flips", "contradicted"}
    assert (pairs["both_right"]["value"], pairs["answer_flips"]["value"], pairs["contradicted"]["value"]) == (
        100,
        100,
        0,
    )
    same = [say(row["id"], "red") for row in twins]
    assert score_pairs(match_predictions(same, twins))["pairs"]["answer_flips"]["value"] == 0
