"""What the stages see of the pictures of a batch: prepared once, looked at once where they share an image encoder."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .stages_mmcot import StageModels


if TYPE_CHECKING:
    from .modeling_mmcot import MMCoTForConditionalGeneration
    from .processing_mmcot import MMCoTProcessor


class Looked:
    """The pictures of a batch of questions, as the models of the stages take them.

    Args:
        stages: the models.
        processor: of all of them.
        images: the pictures of each question, a list each.
    """

    def __init__(self, stages: StageModels, processor: "MMCoTProcessor", images: Sequence[Sequence[Any]]):
        self.pictured = [len(entry) > 0 for entry in images]
        self.pixels = processor.encode_images(images)
        self.shared = shared_tower(stages) is not None
        self._features: dict[str, torch.Tensor] = {}

    def inputs(self, model: "MMCoTForConditionalGeneration", rows: Sequence[int]) -> dict[str, torch.Tensor]:
        """The tensors that a model reads of the pictures of some of the questions; nothing where they have none, or
        where it reads none."""
        if not model.config.image_feature_size or not any(self.pictured[row] for row in rows):
            return {}
        seen = self._look(model) if self.shared else self.pixels
        return {name: values[torch.tensor(rows, device=values.device)] for name, values in seen.items()}

    def _look(self, model: "MMCoTForConditionalGeneration") -> dict[str, torch.Tensor]:
        """`image_features (batch, patches, f)` and their mask, by the first model that asks."""
        if not self._features:
            names = {"pixel_values": model.dtype, "image_attention_mask": None, "image_sizes": None}
            pictures = {
                name: self.pixels[name].to(model.device, dtype) for name, dtype in names.items() if name in self.pixels
            }
            seen, mask = model.get_encoder().encode_images(**pictures)
            assert mask is not None  # the processor gives one
            self._features = {"image_features": seen.pooler_output, "image_attention_mask": mask}
        return self._features


def shared_tower(stages: StageModels) -> nn.Module | None:
    """The image encoder that several stages look through, all of them the same one; `None` where there is none.

    One with adapters in it is another one for each stage.
    """
    first, *others = (stages.tower(stage) for stage in stages)
    if first is None or not others or any(tower is not first for tower in others):
        return None
    adapted = any(hasattr(module, "base_layer") or hasattr(module, "modules_to_save") for module in first.modules())
    return None if adapted else first
