"""Examples to a padded training batch: the collator only asks the processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mmcot.modeling_mmcot import MMCoTProcessor


# Column of a data set that holds what stage 1 wrote for a problem. Without it, stage 2 reads the gold rationale.
GENERATED_RATIONALE = "generated_rationale"


@dataclass
class MMCoTCollator:
    """Makes the batch of one stage.

    Args:
        processor: owns the words and the pictures.
        stage: which prompt and target to build.
    """

    processor: MMCoTProcessor
    stage: str

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, the pictures' tensors, and `labels` with -100 where padded."""
        batch = self.processor(
            images=[example.get("image") for example in examples],
            text=[self.processor.build_prompt(row, self.stage, row.get(GENERATED_RATIONALE)) for row in examples],
            text_target=[self.processor.build_target(row, self.stage) for row in examples],
        )
        return dict(batch)
