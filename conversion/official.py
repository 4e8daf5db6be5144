"""Weights of the official implementation (amazon-science/mm-cot) as this package's weights, and the way back."""

import re
from collections.abc import Iterable

import torch
from torch import nn
from transformers import T5Config

from ..modeling_mmcot.configuration_mmcot import MMCoTConfig
from ..modeling_mmcot.encoder_mmcot import MMCoTGatedFusion
from ..modeling_mmcot.modeling_mmcot import MMCoTForConditionalGeneration


# The second release keeps the fusion under `encoder.`, the first one at the root; `patch_num` names nothing we need.
FUSION_KEY = re.compile(
    r"^(?:encoder\.)?(image_dense|gate_dense|mha_layer\.out_proj|mha_layer\.in_proj)[._](weight|bias)$"
)
FUSION_NAMES = {"image_dense": "image_projection", "gate_dense": "gate", "mha_layer.out_proj": "output"}
# The three layers that the official attention keeps as one, `mha_layer.in_proj`.
ATTENTION = ("query", "key", "value")
LANGUAGE_MODEL = "language_model."
# Of the gate's bias: its sigmoid is 0 in every precision.
SHUT = -1e4
# Of so many wrong parameters an error gives the names.
NAMED = 5


def convert_state_dict(official: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Renames copies of official parameters, of either release, and splits the attention's projection in three."""
    converted = {}
    for name, tensor in official.items():
        match = FUSION_KEY.match(name)
        if match is None:
            converted[f"{LANGUAGE_MODEL}{name}"] = tensor.clone()
        elif match[1] == "mha_layer.in_proj":
            # Too few parts: the missing layer is named when the model is built.
            for layer, part in zip(ATTENTION, tensor.chunk(3), strict=False):
                converted[f"fusion.{layer}.{match[2]}"] = part.clone()
        else:
            converted[f"fusion.{FUSION_NAMES[match[1]]}.{match[2]}"] = tensor.clone()
    return converted


def official_state_dict(
    model: MMCoTForConditionalGeneration, image_feature_size: int | None = None
) -> dict[str, torch.Tensor]:
    """Copies of a model's parameters under the names of the second release; a vision tower has none there.

    Args:
        image_feature_size: numbers per patch that the official code gives to a model that reads no pictures. Its gate
            is shut there, so that they change nothing.
    """
    ours = model.state_dict()
    if model.fusion is None:
        ours |= shut_fusion(model.get_input_embeddings().embedding_dim, image_feature_size or 1)
    official = {
        name.removeprefix(LANGUAGE_MODEL): tensor.clone()
        for name, tensor in ours.items()
        if name.startswith(LANGUAGE_MODEL)
    }
    for kind in ("weight", "bias"):
        for theirs, name in FUSION_NAMES.items():
            official[f"encoder.{theirs}.{kind}"] = ours[f"fusion.{name}.{kind}"].clone()
        official[f"encoder.mha_layer.in_proj_{kind}"] = torch.cat(
            [ours[f"fusion.{name}.{kind}"] for name in ATTENTION]
        )
    return official


def shut_fusion(text_size: int, image_feature_size: int) -> dict[str, torch.Tensor]:
    """Parameters of a fusion that takes nothing over from pictures."""
    fusion = MMCoTGatedFusion(text_size, image_feature_size)
    for parameter in fusion.parameters():
        nn.init.zeros_(parameter)
    nn.init.constant_(fusion.gate.bias, SHUT)
    return {f"fusion.{name}": tensor for name, tensor in fusion.state_dict().items()}


def convert_official(config: dict, official: dict[str, torch.Tensor]) -> MMCoTForConditionalGeneration:
    """Builds the model an official checkpoint holds.

    Args:
        config: the checkpoint's `config.json`, a T5 configuration that does not know the vision sizes.
        official: its parameters, under the names of either release; the model has copies of them.

    Returns:
        A model without a vision tower, which reads the `image_features` the checkpoint was trained with and, like the
        official code, an all-zero picture where there is none (`missing_image="zeros"`).

    Raises:
        ValueError: where parameters are missing or foreign; the message names them.
    """
    state_dict = convert_state_dict(official)
    projection = state_dict.get("fusion.image_projection.weight")
    if projection is None or projection.ndim != 2:
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
    wrong = {
        "missing": report["missing_keys"],
        "unexpected": report["unexpected_keys"],
        "of another size": [name for name, *_ in report["mismatched_keys"]],
    }
    if any(wrong.values()):
        found = "; ".join(f"{kind}: {name_some(names)}" for kind, names in wrong.items() if names)
        raise ValueError(f"The parameters do not fit the configuration. {found}.")
    return model


def official_config(config: MMCoTConfig) -> dict:
    """The `config.json` of the official code: that of the language model, as transformers 4 wrote it.

    Raises:
        ValueError: for a language model that is no T5, which the official code is built on.
    """
    text = config.text_config
    if not isinstance(text, T5Config):
        kind = getattr(text, "model_type", None)
        raise ValueError(f"The language model is {kind!r}; the official code knows T5 models only.")
    return {
        "model_type": "t5",
        "architectures": ["T5ForMultimodalGeneration"],
        **{name: getattr(text, name) for name in T5Config.__annotations__},
        **{name: getattr(config, name) for name in ("pad_token_id", "eos_token_id", "decoder_start_token_id")},
        # transformers 4 read from this one field both whether the head is tied and whether its input is scaled.
        "tie_word_embeddings": text.scale_decoder_outputs,
    }


def name_some(names: Iterable[str]) -> str:
    """The first few names of many, in order, and how many more there are."""
    names = sorted(names)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
