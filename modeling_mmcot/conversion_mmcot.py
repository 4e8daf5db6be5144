"""Weights of the official implementation (amazon-science/mm-cot) as this package's weights.

Not shipped to the Hub: a converted folder no longer needs it.
"""

import re

import torch
from transformers import T5Config

from .configuration_mmcot import MMCoTConfig
from .modeling_mmcot import MMCoTForConditionalGeneration


# The second release keeps the fusion under `encoder.`, the first one at the root; `patch_num` names nothing we need.
FUSION_KEY = re.compile(
    r"^(?:encoder\.)?(image_dense|gate_dense|mha_layer\.out_proj|mha_layer\.in_proj)[._](weight|bias)$"
)
FUSION_NAMES = {"image_dense": "image_projection", "gate_dense": "gate", "mha_layer.out_proj": "output"}


def convert_state_dict(official: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames official parameters, of either release, and splits the attention's joint projection in three."""
    converted = {}
    for name, tensor in official.items():
        match = FUSION_KEY.match(name)
        if match is None:
            converted[f"language_model.{name}"] = tensor
        elif match[1] == "mha_layer.in_proj":
            for layer, part in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                converted[f"fusion.{layer}.{match[2]}"] = part.clone()
        else:
            converted[f"fusion.{FUSION_NAMES[match[1]]}.{match[2]}"] = tensor
    return converted


def convert_official(config: dict, official: dict[str, torch.Tensor]) -> MMCoTForConditionalGeneration:
    """Builds the model an official checkpoint holds.

    Args:
        config: the checkpoint's `config.json`, a T5 configuration that does not know the vision sizes.
        official: its parameters, under the names of either release.

    Returns:
        A model without a vision tower, which reads the `image_features` the checkpoint was trained with and, like the
        official code, an all-zero picture where there is none (`missing_image="zeros"`).

    Raises:
        ValueError: where parameters are missing or foreign; the message names them.
    """
    state_dict = convert_state_dict(official)
    projection = state_dict.get("fusion.image_projection.weight")
    if projection is None:
        raise ValueError("No image_dense.weight among the parameters: this is not an official MM-CoT checkpoint.")
    model, report = MMCoTForConditionalGeneration.from_pretrained(
        None,
        config=MMCoTConfig(
            text_config=T5Config.from_dict(config), image_feature_size=projection.shape[1], missing_image="zeros"
        ),
        state_dict=state_dict,
        output_loading_info=True,
        ignore_mismatched_sizes=True,
    )
    kinds = ("missing_keys", "unexpected_keys", "mismatched_keys")
    wrong = {kind: sorted(report[kind]) for kind in kinds if report[kind]}
    if wrong:
        raise ValueError(f"The checkpoint does not fit its configuration: {wrong}")
    return model
