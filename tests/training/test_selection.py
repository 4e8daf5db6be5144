"""By what a model's best checkpoint is chosen."""

import pytest

from mmcot.evaluation.metrics import rouge_l_official
from mmcot.training.results import main_score
from mmcot.training.trainer import score_texts

from ..evaluation.labelled import make_examples


GOLD = "I look at the picture on the left and count every dot that is in it. So the answer is two."
FLUENT = GOLD.replace("two", "three")
PLAIN = "There are two dots. So the answer is two."


def test_a_right_conclusion_beats_likeness_of_words(tiny_processor):
    examples = make_examples(1, answer=[1], solution=[GOLD])
    fluent, plain = (score_texts([text], "rationale", tiny_processor, examples) for text in (FLUENT, PLAIN))
    assert fluent == {"conclusion": 0, "rouge_l": pytest.approx(rouge_l_official(FLUENT, GOLD))}
    assert plain["conclusion"] == 100
    assert fluent["rouge_l"] > plain["rouge_l"]


def test_answers_are_chosen_by_accuracy(tiny_processor):
    examples = make_examples(2)
    texts = ["The answer is (A).", "Solution: nothing"]
    assert score_texts(texts, "answer", tiny_processor, examples) == {"accuracy": 50}


def test_a_run_of_rationales_alone_says_how_many_end_right():
    metrics = {"rationale": {"rouge_l": {"value": 0.98}}, "conclusion": {"value": 71.0}}
    assert main_score(metrics) == "Right conclusion 71.0 %, ROUGE-L, official 0.980"
    assert main_score({"rationale": {}}) == "No rationale at all"
