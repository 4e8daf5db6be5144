"""An export answers a data set."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import datasets

from ..data.image_column import without_images
from ..modeling_mmcot.questions_mmcot import read_images
from ..modeling_mmcot.stage_records_mmcot import RATIONALE
from .generation import prediction_row, visible


class OnnxPredictor:
    """Predictions of an export, the same rows as [`predict`] gives.

    Args:
        export: its folder.
        batch_size: texts that are written together.
    """

    def __init__(self, export: Path, batch_size: int):
        from ..engine import OnnxPipeline  # needs onnxruntime, which who predicts with torch may not have

        self.flow = OnnxPipeline(export).flow
        self.words = self.flow.words
        self.batch_size = batch_size

    @property
    def looks(self) -> bool:
        """Whether it sees pictures."""
        return self.flow.pixels is not None

    def predict(self, dataset: datasets.Dataset) -> Iterator[dict[str, Any]]:
        """A row for each example, in their order, each as soon as those before it are there. Labels are not read."""
        examples = visible(dataset)
        if not self.looks:
            examples = without_images(examples)
        settings = self.flow.settle_all(dict.fromkeys(self.flow.export.stages, {}))
        written = self.flow.run(map(as_question, examples), settings, batch_size=self.batch_size)
        for place, (texts,) in written:
            example = {name: examples[name][place] for name in ("id", "choices")}
            yield prediction_row(example, self.words, texts, self.flow.export.temperatures)


def as_question(example: Mapping[str, Any]) -> dict[str, Any]:
    """An example as the engine takes it."""
    question = {name: example.get(name) for name in ("question", "hint", "caption")}
    images = read_images(example.get("image"))
    return {**question, RATIONALE: None, "choices": example["choices"] or [], "image": images}
