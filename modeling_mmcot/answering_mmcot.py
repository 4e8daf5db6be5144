"""A question's way through the stages: each reads what those before it wrote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .confidence_mmcot import Written
from .configuration_mmcot import RATIONALE, in_order
from .generation_mmcot import generate_batch
from .prompt_mmcot import letter
from .stages_mmcot import StageModels


if TYPE_CHECKING:
    from .processing_mmcot import MMCoTProcessor


def write_stages(
    stages: StageModels,
    processor: "MMCoTProcessor",
    examples: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Written]]:
    """What each stage writes for each example of a batch.

    Args:
        stages: the models.
        processor: of all of them.
        examples: questions, see [`read_question`]; a `rationale` in one is read instead of what stage 1 would write.
        settings: for the `generate()` of each stage.
    """
    written: list[dict[str, Written]] = [
        {} if example["rationale"] is None else {RATIONALE: Written(example["rationale"])} for example in examples
    ]
    for stage in in_order(stages):
        rows = [row for row, texts in enumerate(written) if stage not in texts]
        if rows:
            asked = [(examples[row], written[row]) for row in rows]
            outputs = write_stage(stages, processor, asked, stage, settings[stage])
            for row, output in zip(rows, outputs, strict=True):
                written[row][stage] = output
    return written


def write_stage(
    stages: StageModels,
    processor: "MMCoTProcessor",
    asked: Sequence[tuple[Mapping[str, Any], Mapping[str, Written]]],
    stage: str,
    settings: Mapping[str, Any],
) -> list[Written]:
    """What a stage writes for each example, after what earlier stages wrote for it."""
    prompts = [build_prompt(processor, example, stage, earlier) for example, earlier in asked]
    inputs = processor(images=[example["image"] for example, _ in asked], text=prompts)
    choices = [example["choices"] for example, _ in asked]
    with stages.use(stage) as model:
        return generate_batch(model, processor, inputs, stage, choices, settings)


@dataclass
class Parsed:
    """What the texts of all stages say.

    Args:
        rationale: `None` where no stage writes one.
        answer_text: of the answer, as it was written.
        given: the answer in it: position of an option, or where there are no options its words; `None` for none.
    """

    rationale: str | None
    answer_text: str
    given: int | str | None

    @property
    def index(self) -> int | None:
        """Position of the option."""
        return self.given if isinstance(self.given, int) else None

    @property
    def answer(self) -> str | None:
        """The letter of the option, or the answer in words."""
        return letter(self.given) if isinstance(self.given, int) else self.given


def parse_stages(processor: "MMCoTProcessor", written: Mapping[str, Written], choices: Sequence[str]) -> Parsed:
    """What stands in the texts of a question's stages.

    Args:
        written: by stage in their order; the last holds the answer.
        choices: the options of the question; none where it has none.
    """
    last = list(written)[-1]
    rationale, answer = processor.split_output(written[last].text, last)
    if RATIONALE in written:
        rationale = processor.parse_rationale(written[RATIONALE].text)
    given = processor.parse_answer(answer, choices) if choices else processor.parse_free_answer(answer)
    return Parsed(rationale, answer, given)


def build_prompt(
    processor: "MMCoTProcessor", example: Mapping[str, Any], stage: str, written: Mapping[str, Written]
) -> str:
    """What a stage reads of an example, after what earlier stages wrote for it."""
    return processor.build_prompt(example, stage, **{name: each.text for name, each in written.items()})
