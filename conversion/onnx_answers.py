"""What an export answers by its engine, beside what its model answers, or it itself with other weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..configuration.repository import Repository
from ..data.loading import SKETCHQA
from ..data.sketchqa import SketchQAOptions, generate, parse_options
from ..engine import OnnxPipeline
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.confidence_mmcot import Written
from ..modeling_mmcot.generation_mmcot import generate_batch
from ..modeling_mmcot.outcome_mmcot import build_prompt
from ..modeling_mmcot.questions_mmcot import read_question
from ..modeling_mmcot.stage_records_mmcot import RATIONALE, find_stage
from .onnx_proof import BATCH, TOLERANCE, GraphsDifferError, draw_examples, example_batches


MEASURED = 200  # questions, unless the model's own data set is drawn, too

UNDRAWN = {"do_sample": False}  # what is drawn at random cannot be compared


class ModelAnswers:
    """What the models of all stages write for drawn questions, one after another.

    Args:
        processor: of all of them.
        repository: where they are.
    """

    def __init__(self, processor: MMCoTProcessor, repository: Repository):
        self.processor = processor
        self.rows = [question_row(example, repository) for example in draw_examples()]
        self.examples = [read_question(row) for row in self.rows]
        self.written: list[dict[str, Written]] = [
            {} if example["rationale"] is None else {RATIONALE: Written(example["rationale"])}
            for example in self.examples
        ]
        self.stages: list[str] = []

    @torch.inference_mode()
    def add(self, stage: str, model: MMCoTForConditionalGeneration) -> None:
        """Lets the model of the next stage write."""
        self.stages.append(stage)
        for positions in example_batches(range(len(self.examples))):
            examples = [self.examples[position] for position in positions]
            earlier = [self.written[position] for position in positions]
            asked = zip(examples, earlier, strict=True)
            prompts = [build_prompt(self.processor, example, stage, texts) for example, texts in asked]
            looks = bool(model.config.image_feature_size)
            inputs = self.processor(images=[example["image"] if looks else [] for example in examples], text=prompts)
            choices = [example["choices"] for example in examples]
            made = generate_batch(model, self.processor, inputs, stage, choices, UNDRAWN)
            for texts, each in zip(earlier, made, strict=True):
                texts[stage] = each

    def compare(self, folder: Path) -> float:
        """The largest difference between the scores of an option by the models and by the engine.

        Raises:
            GraphsDifferError: where a text differs, or a score by more than `TOLERANCE`.
        """
        largest = 0.0
        answers = OnnxPipeline(folder)(self.rows, batch_size=BATCH, return_all=True, **UNDRAWN)
        for answer, written in zip(answers, self.written, strict=True):
            for stage in self.stages:
                text, expected = answer["texts"][stage], written[stage].text
                if text != expected:
                    raise GraphsDifferError(f"The engine writes {text!r} as {stage}, and the model {expected!r}.")
            scores = written[self.stages[-1]].scores
            if scores is not None:
                largest = max(largest, float(np.abs(np.subtract(answer["scores"], scores)).max()))
        if largest > TOLERANCE:
            raise GraphsDifferError(f"The engine gives options other scores than the model, by up to {largest:.1e}.")
        return largest


def question_row(example: Mapping[str, Any], repository: Repository) -> dict[str, Any]:
    """An example as a user asks it: with a picture for models that see, with a rationale for those that need one."""
    row = {"question": example["question"], "choices": example["choices"], "context": example["hint"] or None}
    if repository.config.vision_config is not None:
        row["image"] = example["image"]
    if any(RATIONALE in find_stage(stage).reads for stage in repository.stages) and RATIONALE not in repository.stages:
        row["rationale"] = example["solution"]
    return row


@dataclass
class Changes:
    """What fewer bits change.

    Args:
        questions: that were asked.
        answers: of them that have another answer.
        rationales: of them that have another rationale; `None` for a model that writes none.
        before, after: right answers in percent; `None` where the questions are none that the model learned.
    """

    questions: int
    answers: int
    rationales: int | None
    before: float | None
    after: float | None


@dataclass
class Questions:
    """What an export is measured on.

    Args:
        rows: as a user asks them.
        right: position of the right option of each; `None` where that says nothing about the model.
        name: of the data set.
    """

    rows: list[dict[str, Any]]
    right: list[int] | None
    name: str


def find_questions(repository: Repository) -> Questions:
    """The test problems that the model of a folder was made for, or else drawn ones."""
    data, _, options = repository.read_recipe().get("dataset", "").partition(":")
    learned = data == SKETCHQA
    examples = list(generate("test", parse_options(options) if learned else SketchQAOptions(test=MEASURED)))
    rows = [question_row(example, repository) for example in examples]
    if not learned:
        return Questions(rows, None, "drawn questions, of a kind that the model did not learn")
    return Questions(rows, [example["answer"] for example in examples], "test problems of SketchQA")


def find_changes(questions: Questions, before: Sequence[dict[str, Any]], after: Sequence[dict[str, Any]]) -> Changes:
    """What is other in the answers of an export."""
    pairs = list(zip(before, after, strict=True))
    writes = any(one["rationale"] is not None for one in before)
    return Changes(
        len(pairs),
        sum(one["answer"] != other["answer"] for one, other in pairs),
        sum(one["rationale"] != other["rationale"] for one, other in pairs) if writes else None,
        share_right(questions, before),
        share_right(questions, after),
    )


def share_right(questions: Questions, answers: Sequence[Mapping[str, Any]]) -> float | None:
    """Right answers in percent."""
    if questions.right is None:
        return None
    right = [answer["choice_index"] == place for answer, place in zip(answers, questions.right, strict=True)]
    return 100 * sum(right) / len(right)
