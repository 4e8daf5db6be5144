"""Examples to a padded training batch: the collator only asks the processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ..data.examples import GENERATED_RATIONALE, STAGE
from ..inference.features import FeatureCache
from ..inference.generation import image_inputs
from ..modeling_mmcot import MMCoTProcessor


@dataclass
class MMCoTCollator:
    """Makes a batch of rows that each name their stage.

    Args:
        processor: owns the words and the pictures.
        features: vision features computed before; rows then have `image_hashes` instead of `image`.
    """

    processor: MMCoTProcessor
    features: FeatureCache | None = None

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, the pictures' tensors, and `labels` with -100 where padded."""
        batch = self.processor(
            text=[self.processor.build_prompt(row, row[STAGE], row.get(GENERATED_RATIONALE)) for row in examples],
            text_target=[self.processor.build_target(row, row[STAGE]) for row in examples],
        )
        return {**batch, **image_inputs(self.processor, examples, self.features)}
