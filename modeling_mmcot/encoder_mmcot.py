"""The encoder of MMCoT: text encoder, vision tower, and the gated fusion that joins them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedConfig
from transformers.modeling_outputs import BaseModelOutput, BaseModelOutputWithPooling


@dataclass
class MMCoTEncoderOutput(BaseModelOutput):
    """What the encoder hands to the decoder.

    Args:
        last_hidden_state: fused text states, `(batch, text, d_model)`.
        attention_mask: the text mask the decoder must use, `(batch, text)`; kept here because `generate` passes no
            mask on when it was given none.
        image_attentions: how much each text token took from each patch, `(batch, text, patches)`; rows sum to 1.
        gate: share of the image in each fused number, `(batch, text, d_model)`, between 0 and 1.
    """

    attention_mask: torch.Tensor | None = None
    image_attentions: torch.FloatTensor | None = None
    gate: torch.FloatTensor | None = None


class MMCoTGatedFusion(nn.Module):
    """Text states look at image patches, and a gate decides how much of what they saw to take over.

    With text states `H` and image features `X`: `V = X W_v + b_v`, `A = Attn(H, V, V)` with a single head,
    `g = sigmoid([H; A] W_g + b_g)`, and the result is `(1 - g) H + g A` (arXiv 2302.00923, section 4.2).
    """

    def __init__(self, text_size: int, image_feature_size: int):
        super().__init__()
        self.image_projection = nn.Linear(image_feature_size, text_size)
        self.query = nn.Linear(text_size, text_size)
        self.key = nn.Linear(text_size, text_size)
        self.value = nn.Linear(text_size, text_size)
        self.output = nn.Linear(text_size, text_size)
        self.gate = MMCoTGate(2 * text_size, text_size)

    def forward(
        self, text_states: torch.Tensor, image_features: torch.Tensor, image_attention_mask: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Fuses `text_states (batch, text, d)` with `image_features (batch, patches, f)`.

        `image_attention_mask (batch, patches)` is true where a patch exists; a row of false keeps its text as it is.
        Returns the fused states, the attention `(batch, text, patches)` and the gate `(batch, text, d)`.
        """
        image_states = self.image_projection(image_features)  # (batch, patches, d)
        query = self.query(text_states)
        scores = query @ self.key(image_states).transpose(1, 2) * query.shape[-1] ** -0.5  # (batch, text, patches)
        # The lowest finite number, not -inf: a row without any patch stays finite, and its gate is shut below.
        scores = scores.masked_fill(~image_attention_mask[:, None, :], torch.finfo(scores.dtype).min)
        attention = scores.float().softmax(-1).to(scores.dtype)
        seen = self.output(attention @ self.value(image_states))  # (batch, text, d)
        gate = torch.sigmoid(self.gate(torch.cat([text_states, seen], -1)))
        gate = gate * image_attention_mask.any(-1)[:, None, None]
        return (1 - gate) * text_states + gate * seen, attention, gate


class MMCoTGate(nn.Linear):
    """The linear layer of the gate; a class of its own because its bias starts at `config.gate_bias`."""


class MMCoTEncoder(nn.Module):
    """The encoder that `generate` sees: text encoder, vision tower and fusion of a model, shared, not owned.

    A view made on demand by `get_encoder()`: registering it would list every weight twice.
    """

    main_input_name = "input_ids"

    def __init__(self, model: Any):
        super().__init__()
        self.config = model.config
        self.text_encoder = model.language_model.get_encoder()
        self.vision_tower = model.vision_tower
        self.fusion = model.fusion

    def forward(
        self,
        input_ids: torch.LongTensor | None = None,
        attention_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        pixel_values: torch.Tensor | None = None,
        image_features: torch.Tensor | None = None,
        image_attention_mask: torch.Tensor | None = None,
        image_sizes: torch.LongTensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> MMCoTEncoderOutput:
        """Encodes text and pictures; see [`MMCoTForConditionalGeneration.forward`] for the inputs."""
        outputs = requested_outputs(self.config, output_attentions, output_hidden_states)
        if attention_mask is None and input_ids is not None:
            attention_mask = input_ids.ne(self.config.pad_token_id).long()
        text = self.text_encoder(
            input_ids=input_ids,
            attention_mask=attention_mask,
            inputs_embeds=inputs_embeds,
            return_dict=True,
            **outputs,
        )
        fused, image_attentions, gate = self.fuse(
            text.last_hidden_state, pixel_values, image_features, image_attention_mask, image_sizes
        )
        return MMCoTEncoderOutput(
            last_hidden_state=fused,
            hidden_states=text.hidden_states,
            attentions=text.attentions,
            attention_mask=attention_mask,
            image_attentions=image_attentions if outputs["output_attentions"] else None,
            gate=gate if outputs["output_attentions"] else None,
        )

    def fuse(self, text_states, pixel_values, image_features, image_attention_mask, image_sizes):
        """Text states with the picture in them; without any picture, what `config.missing_image` says. They stay as
        they are, with neither attention nor gate, in a model that reads no pictures."""
        if self.fusion is None:
            if pixel_values is not None or image_features is not None:
                raise ValueError(
                    "The model reads no pictures (its image_feature_size is 0); leave pixel_values and image_features "
                    "out."
                )
            return text_states, None, None
        if pixel_values is not None and image_features is not None:
            raise ValueError("Both pixel_values and image_features were given; pass one of them.")
        if pixel_values is not None:
            seen, image_attention_mask = self.encode_images(pixel_values, image_attention_mask, image_sizes)
            image_features = seen.pooler_output
        if image_features is None:
            # A patch that is not there: the fusion runs all the same, so that its parameters have (zero) gradients,
            # which distributed training waits for.
            image_features = text_states.new_zeros(text_states.shape[0], 1, self.config.image_feature_size)
            image_attention_mask = image_features.new_zeros(image_features.shape[:2])
        image_features = image_features.to(text_states.dtype)
        image_attention_mask = self.check_image_inputs(image_features, image_attention_mask, text_states.shape[0])
        if self.config.missing_image == "zeros":
            has_image = image_attention_mask.any(-1)
            image_features = image_features * has_image[:, None, None]
            image_attention_mask = image_attention_mask | ~has_image[:, None]
        return self.fusion(text_states, image_features, image_attention_mask)

    def encode_images(
        self,
        pixel_values: torch.Tensor,
        image_attention_mask: torch.Tensor | None = None,
        image_sizes: torch.LongTensor | None = None,
        **outputs: bool,
    ) -> tuple[BaseModelOutputWithPooling, torch.Tensor | None]:
        """What [`~MMCoTForConditionalGeneration.get_image_features`] gives, and a mask `(batch, images * patches)`."""
        if self.vision_tower is None:
            raise ValueError(
                "pixel_values were given to a model without a vision tower. Pass image_features "
                f"(batch, patches, {self.config.image_feature_size}) instead, or build the model with a vision_config."
            )
        if pixel_values.ndim == 4:
            pixel_values = pixel_values[:, None]  # one picture per question
        if pixel_values.ndim != 5:
            raise ValueError(
                f"pixel_values have shape {tuple(pixel_values.shape)}; expected (batch, 3, height, width) or "
                "(batch, images, 3, height, width)."
            )
        batch, images = pixel_values.shape[:2]
        if image_sizes is None:
            seen, there = self.look(pixel_values.flatten(0, 1), **outputs), None
        else:
            seen, there = self.look_at_sizes(pixel_values.flatten(0, 1), image_sizes.flatten(0, -2), **outputs)
        states = seen["last_hidden_state"]
        seen.pooler_output = states.reshape(batch, images * states.shape[1], states.shape[2])
        if image_attention_mask is not None and image_attention_mask.shape[1:] == (images,):
            image_attention_mask = image_attention_mask.repeat_interleave(states.shape[1], dim=1)
        if there is not None:
            there = there.view(batch, -1)
            image_attention_mask = there if image_attention_mask is None else image_attention_mask.bool() & there
        return seen, image_attention_mask

    def look(self, pictures: torch.Tensor, **outputs: bool) -> BaseModelOutputWithPooling:
        """What the tower makes of pictures of one size, as patches `(pictures, patches, f)`."""
        # What is not asked for is not said: convolutional towers have no attention to ask for.
        outputs = {name: True for name, wanted in outputs.items() if wanted}
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.config.freeze_vision):
            seen = self.vision_tower(pictures.to(dtype_of(self.vision_tower)), return_dict=True, **outputs)
        states = seen.last_hidden_state
        return BaseModelOutputWithPooling(
            # A feature map (pictures, f, height, width) is patches, too.
            last_hidden_state=states.flatten(2).transpose(1, 2) if states.ndim == 4 else states,
            hidden_states=getattr(seen, "hidden_states", None),
            attentions=getattr(seen, "attentions", None),
        )

    @torch.compiler.disable  # how many sizes there are is in the numbers, of which a graph knows nothing
    def look_at_sizes(
        self, pictures: torch.Tensor, sizes: torch.Tensor, **outputs: bool
    ) -> tuple[BaseModelOutputWithPooling, torch.Tensor]:
        """Patches of padded pictures, each seen without its padding as if it were alone, and which of them there are.

        A mask for the tower would not do: convolutions look over the border into the padding.
        """
        if any(outputs.values()):
            raise ValueError("Pictures of several sizes have no common hidden_states or attentions; pass them apart.")
        patches: list[torch.Tensor] = [pictures.new_zeros(0, self.config.image_feature_size)] * len(pictures)
        for height, width in filter(all, sizes.unique(dim=0).tolist()):
            members = (sizes == sizes.new_tensor([height, width])).all(-1).nonzero()[:, 0]
            states = self.look(pictures[members, :, :height, :width])["last_hidden_state"]
            for member, seen in zip(members.tolist(), states, strict=True):
                patches[member] = seen
        nothing = pictures.new_zeros(1, self.config.image_feature_size)  # at least one patch, if only to be masked
        states = nn.utils.rnn.pad_sequence([*patches, nothing], batch_first=True)[:-1]
        counts = torch.tensor([len(seen) for seen in patches], device=states.device)
        there = torch.arange(states.shape[1], device=states.device) < counts[:, None]
        return BaseModelOutputWithPooling(last_hidden_state=states), there

    def check_image_inputs(
        self, image_features: torch.Tensor, image_attention_mask: torch.Tensor | None, batch: int
    ) -> torch.Tensor:
        """The boolean mask `(batch, patches)` that fits the features, or an error that says what to pass.

        Sizes are compared and only made into text where they are wrong: in a text they would be constants of a
        compiled or exported model.
        """
        shape, size = image_features.shape, self.config.image_feature_size
        if len(shape) != 3 or shape[0] != batch or shape[2] != size:
            raise ValueError(
                f"image_features have shape {tuple(shape)}; expected (batch, patches, image_feature_size) = "
                f"({batch}, patches, {size})."
            )
        if image_attention_mask is None:
            return image_features.new_ones(shape[:2], dtype=torch.bool)
        if image_attention_mask.shape != shape[:2]:
            raise ValueError(
                f"image_attention_mask has shape {tuple(image_attention_mask.shape)}; expected (batch, patches) = "
                f"{tuple(shape[:2])}, or (batch, images) beside pixel_values."
            )
        return image_attention_mask.bool()


def dtype_of(part: Any) -> torch.dtype:
    """The precision of a part of a model."""
    parameters: Iterable[torch.Tensor] = part.parameters()
    if getattr(part, "_is_replica", False):
        # Of `torch.nn.DataParallel`: it has the weights, but no longer as parameters.
        parameters = (weight for module in part.modules() for weight in module._former_parameters.values())
    return next(weight.dtype for weight in parameters if weight.is_floating_point())


def requested_outputs(
    config: PreTrainedConfig, output_attentions: bool | None, output_hidden_states: bool | None
) -> dict[str, bool]:
    """What a call wants to see of the layers; where it does not say, what the configuration does."""
    attentions = config.output_attentions if output_attentions is None else output_attentions
    hidden_states = config.output_hidden_states if output_hidden_states is None else output_hidden_states
    return {"output_attentions": bool(attentions), "output_hidden_states": bool(hidden_states)}
