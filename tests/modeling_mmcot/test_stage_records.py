"""What a stage is stands in its record: processor, pipeline and scores ask it and no list of names."""

import pytest

from mmcot.configuration.metrics import METRICS
from mmcot.modeling_mmcot.stage_records_mmcot import ANSWER, CHAIN, RATIONALE, STAGES, Stage, find_stage, in_order


PROBLEM = {"question": "Which?", "choices": ["red", "blue"], "answer": 1, "solution": "It is blue."}
CHECK = Stage("check", "", "Check:", "{answer}", reads=(RATIONALE, ANSWER), folder="check")


@pytest.fixture
def check(monkeypatch):
    """A third stage, which reads rationale and answer and answers again."""
    monkeypatch.setitem(STAGES, CHECK.name, CHECK)
    return CHECK.name


def test_a_further_stage_reads_what_those_before_it_wrote(tiny_processor, check):
    prompt = tiny_processor.build_prompt(PROBLEM, check, rationale="Solution: It is red.", answer="The answer is (A).")
    assert prompt.endswith("(B) blue Solution: It is red. Answer: The answer is (A). Check:")
    assert tiny_processor.build_prompt(PROBLEM, check).endswith(
        "Solution: It is blue. Answer: The answer is (B). Check:"
    )
    assert tiny_processor.build_target(PROBLEM, check) == "The answer is (B)."
    assert tiny_processor.split_output("The answer is (B).", check) == (None, "The answer is (B).")
    assert in_order({check: ".", ANSWER: ".", RATIONALE: "."}) == [RATIONALE, ANSWER, check]


def test_texts_of_a_stage_that_does_not_exist_are_refused(tiny_processor):
    with pytest.raises(ValueError, match="stage is 'rationle'; use one of rationale, answer"):
        tiny_processor.build_prompt(PROBLEM, ANSWER, rationle="It is red.")


def test_what_records_say_of_the_stages():
    assert CHAIN == (RATIONALE, ANSWER)
    assert [name for name in STAGES if find_stage(name).only_answers] == ["answer", "direct"]
    assert [name for name in STAGES if find_stage(name).writes_rationale] == [
        "rationale",
        "rationale_answer",
        "answer_rationale",
    ]
    assert [find_stage(name).scores for name in STAGES] == [("conclusion", "rouge_l"), *[("accuracy",)] * 4]
    assert {score for name in STAGES for score in find_stage(name).scores} <= METRICS.keys()
