"""A question's way through the stages: each reads what those before it wrote."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .confidence_mmcot import Written
from .generation_mmcot import generate_batch
from .outcome_mmcot import build_prompt
from .stage_records_mmcot import RATIONALE, in_order
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
