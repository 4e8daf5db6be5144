"""A question's way through the stages: each reads what those before it wrote."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .confidence_mmcot import Written
from .generation_mmcot import generate_batch
from .looking_mmcot import Looked
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
    looked: Looked | None = None,
) -> list[dict[str, Written]]:
    """What each stage writes for each example of a batch.

    Args:
        stages: the models.
        processor: of all of them.
        examples: questions, see [`read_question`]; a `rationale` in one is read instead of what stage 1 would write.
        settings: for the `generate()` of each stage.
        looked: the pictures of the examples, where they have been looked at before.
    """
    looked = looked or Looked(stages, processor, [example["image"] for example in examples])
    written: list[dict[str, Written]] = [
        {} if example["rationale"] is None else {RATIONALE: Written(example["rationale"])} for example in examples
    ]
    for stage in in_order(stages):
        rows = [row for row, texts in enumerate(written) if stage not in texts]
        if rows:
            prompts = [build_prompt(processor, examples[row], stage, written[row]) for row in rows]
            choices = [examples[row]["choices"] for row in rows]
            with stages.use(stage) as model:
                inputs = processor(text=prompts)
                inputs.update(looked.inputs(model, rows))
                outputs = generate_batch(model, processor, inputs, stage, choices, settings[stage])
            for row, output in zip(rows, outputs, strict=True):
                written[row][stage] = output
    return written
