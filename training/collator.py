"""Examples to a padded training batch: the collator only asks the processor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import datasets
import torch

from ..data.examples import STAGE, written_column
from ..inference.features import FeatureCache
from ..inference.generation import image_inputs
from ..modeling_mmcot import MMCoTProcessor
from ..modeling_mmcot.prompt_mmcot import Prompt
from ..modeling_mmcot.stage_records_mmcot import STAGES
from .option_order import REORDERED, OptionOrder


def written_texts(dataset: datasets.Dataset, stage: str) -> dict[str, list[str]]:
    """What models wrote of the texts that a stage reads, by the stage that wrote them."""
    columns = {earlier: written_column(earlier) for earlier in STAGES[stage].reads}
    return {earlier: dataset[column][:] for earlier, column in columns.items() if column in dataset.column_names}


def build_row_prompt(processor: MMCoTProcessor, row: Mapping[str, Any], stage: str) -> Prompt:
    """A row's prompt, with what the models of earlier stages wrote for it."""
    columns = {earlier: written_column(earlier) for earlier in STAGES[stage].reads}
    written = {earlier: row[column] for earlier, column in columns.items() if column in row}
    return processor.build_prompt(row, stage, **written)


@dataclass
class MMCoTCollator:
    """Makes a batch of rows that each name their stage.

    Args:
        processor: owns the words and the pictures.
        features: vision features computed before; rows then have `image_hashes` instead of `image`.
        order: of the options of rows that are marked for it; without one they stay as they are.
    """

    processor: MMCoTProcessor
    features: FeatureCache | None = None
    order: OptionOrder | None = None

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """`input_ids`, `attention_mask`, the pictures' tensors, and `labels` with -100 where padded."""
        if self.order is not None:
            examples = [self.order.reorder(row) if row.get(REORDERED) else row for row in examples]
        batch = self.processor(
            text=[build_row_prompt(self.processor, row, row[STAGE]) for row in examples],
            text_target=[self.processor.build_target(row, row[STAGE]) for row in examples],
        )
        return {**batch, **image_inputs(self.processor, examples, self.features)}
