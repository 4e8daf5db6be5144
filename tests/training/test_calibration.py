"""The temperature of a run's confidences comes from what its models answer on examples they did not learn."""

import math
from types import SimpleNamespace

import datasets
import pytest

from mmcot.data.examples import certainty_column, written_column
from mmcot.modeling_mmcot.confidence_mmcot import Temperatures, Written
from mmcot.training.calibration import calibrate


@pytest.fixture
def run(tiny_processor):
    """A run of 40 problems whose rationales have a probability of 0.25; whoever reads them is sure of option B."""
    count = 40
    validation = datasets.Dataset.from_dict(
        {
            "choices": [["red", "blue"]] * count,
            "answer": [1, 0] * (count // 2),
            written_column("rationale"): ["Solution: It is blue."] * count,
            certainty_column("rationale"): [math.log(0.25)] * count,
        }
    )
    return SimpleNamespace(
        splits={"validation": validation}, processor=tiny_processor, say=lambda text: None, temperatures=None
    )


def test_temperature_makes_confidence_what_is_right(run):
    answer = Written("The answer is (B).", scores=[0.0, 1.0])
    calibrate(run, SimpleNamespace(generate=lambda run, dataset, stage: [answer] * len(dataset)), "answer")
    # Half of the answers are right: 2 would make 0.5 of a probability of 0.25, and 40 answers come close to it.
    assert 1.5 < run.temperatures.of_options < 2


def test_answers_in_words_have_a_temperature_of_their_own(run):
    """Half of the problems lose their options, and every answer to them is one text."""
    free = {"choices": [["red", "blue"], []] * 20, "answer": [1, None] * 20, "accepted_answers": [[], ["Red."]] * 20}
    labelled = run.splits["validation"].remove_columns(["choices", "answer"])
    run.splits["validation"] = datasets.concatenate_datasets([labelled, datasets.Dataset.from_dict(free)], axis=1)
    chosen = Written("The answer is (B).", scores=[0.5, 0.5])
    said = Written("The answer is red.", log_probability=math.log(0.5))
    model = SimpleNamespace(generate=lambda run, dataset, stage: [chosen, said] * 20)
    calibrate(run, model, "answer")
    # All are right, and each had a probability of an eighth.
    assert run.temperatures.of_options == run.temperatures.of_words > 3
    said.text = "The answer is blue."
    calibrate(run, model, "answer")
    assert run.temperatures.of_options > 3 > 1 > run.temperatures.of_words


def test_answers_that_cannot_be_read_say_nothing(run):
    unread = Written("It is.", scores=[0.5, 0.5])
    calibrate(run, SimpleNamespace(generate=lambda run, dataset, stage: [unread] * len(dataset)), "answer")
    assert run.temperatures == Temperatures()
