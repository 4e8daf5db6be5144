"""A stage's model in the three parts of an export: picture to features, prompt to cross states, token to token.

The layers are those of transformers, as they are: its T5 blocks take a position bias, a cache and an attention
function, and what is written here is only the loop around them.
"""

from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import AttentionInterface, Cache, EncoderDecoderCache

from ..modeling_mmcot import MMCoTForConditionalGeneration


SLOT_ATTENTION = "mmcot_slots"
LEAST = torch.finfo(torch.float32).min  # not -inf: a row in which all is hidden stays finite


class Slots(NamedTuple):
    """Keys or values of a layer, those of the cache and the new ones, each `(batch, heads, tokens, key)`.

    They are never joined, so that whoever holds the cache can write new ones into it in place.
    """

    past: torch.Tensor
    new: torch.Tensor


class SlotCache(Cache):
    """The cache of a decoder's self-attention for one call: hands a layer both kinds of its keys and values, and keeps
    the new ones.

    Args:
        past: keys and values of each layer.
    """

    def __init__(self, past: list[tuple[torch.Tensor, torch.Tensor]]):
        super().__init__(layers=[])
        self.past = past
        self.new: list[tuple[torch.Tensor, torch.Tensor]] = []

    def update(self, key_states, value_states, layer_idx, *args, **kwargs):  # type: ignore[override]
        self.new.append((key_states, value_states))
        keys, values = self.past[layer_idx]
        return Slots(keys, key_states), Slots(values, value_states)

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return 0  # positions come with the bias


class CrossLayer(NamedTuple):
    """Keys and values of the encoder as one layer of a decoder has them, `(batch, heads, text, key)` each."""

    keys: torch.Tensor
    values: torch.Tensor


class CrossStates(Cache):
    """Keys and values that a decoder's layers have of the encoder, where they are known before."""

    def __init__(self, states: list[tuple[torch.Tensor, torch.Tensor]]):
        super().__init__(layers=[])
        layers: Any = [CrossLayer(*each) for each in states]
        self.layers = layers

    def get_seq_length(self, layer_idx: int = 0) -> int:
        layer: Any = self.layers[layer_idx]
        return layer.keys.shape[2]


def attend_slots(module, query, key, value, attention_mask, scaling=1.0, position_bias=None, **kwargs):
    """Attention to slots, or to states of the encoder; an attention function of transformers."""
    keys, values = (list(each) if isinstance(each, Slots) else [each] for each in (key, value))
    parts = [query @ each.transpose(2, 3) for each in keys]
    scores = (torch.cat(parts, -1) if len(parts) > 1 else parts[0]) * scaling
    bias = position_bias if attention_mask is None else attention_mask
    weights = (scores + bias).softmax(-1)  # (batch, heads, query, slots)
    if len(values) == 1:
        seen = weights @ values[0]
    else:
        past = values[0].shape[2]
        seen = weights[..., :past] @ values[0] + weights[..., past:] @ values[1]
    return seen.transpose(1, 2).contiguous(), None


AttentionInterface.register(SLOT_ATTENTION, attend_slots)


class VisionGraph(nn.Module):
    """`pixel_values (n, 3, height, width)` -> `image_features (n, patches, f)`."""

    def __init__(self, model: MMCoTForConditionalGeneration):
        super().__init__()
        self.encoder = model.get_encoder()

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        return self.encoder.look(pixel_values).last_hidden_state


class EncoderGraph(nn.Module):
    """Prompt and image features -> keys and values of every layer's cross attention, `(batch, heads, text, key)`.

    A model that reads no pictures takes features, too, and does nothing with them.
    """

    def __init__(self, model: MMCoTForConditionalGeneration):
        super().__init__()
        self.encoder = model.get_encoder()
        self.layers: Any = nn.ModuleList(block.layer[1].EncDecAttention for block in model.get_decoder().block)

    def forward(self, input_ids, attention_mask, image_features, image_attention_mask) -> tuple[torch.Tensor, ...]:
        inputs = {"input_ids": input_ids, "attention_mask": attention_mask}
        if self.encoder.fusion is not None:
            inputs |= {"image_features": image_features, "image_attention_mask": image_attention_mask}
        fused = self.encoder(**inputs).last_hidden_state  # (batch, text, d)
        states = []
        for layer in self.layers:
            for project in (layer.k, layer.v):
                states.append(project(fused).unflatten(-1, (layer.n_heads, -1)).transpose(1, 2))
        return tuple(states)


class StepGraph(nn.Module):
    """Tokens -> logits of the next ones, and the tokens' keys and values.

    T5 knows nothing of positions but their distances. So a table of distances and a mask of slots say all that there
    is to say about the order of tokens, row by row: rows of different lengths, several tokens at once, or a tree.
    """

    biases: torch.Tensor

    def __init__(self, model: MMCoTForConditionalGeneration):
        super().__init__()
        self.decoder: Any = model.get_decoder()
        self.head: Any = model.get_output_embeddings()
        config: Any = model.language_model.config
        self.scale = config.d_model**-0.5 if config.scale_decoder_outputs else 1.0
        self.register_buffer("biases", distance_biases(self.decoder.block[0].layer[0].SelfAttention))

    def forward(self, ids, distance, slot_mask, text_mask, states: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """See [`StepGraph`].

        Args:
            ids: `(batch, query)`.
            distance: of each token from each slot, `(batch, query, cache + query)`, 0 or more where it may look.
            slot_mask: where it may look, bool, of the same shape; its own slot is among it.
            text_mask: where there is a prompt, bool, `(batch, text)`.
            states: keys and values of each layer in the cache, `(batch, heads, cache, key)`, then those that it has
                of the encoder, `(batch, heads, text, key)`.

        Returns:
            Logits `(batch, query, vocabulary)`, then each layer's new keys and values, `(batch, heads, query, key)`.
        """
        nearest = distance.clamp(0, len(self.biases) - 1)
        bias = (
            nn.functional.embedding(nearest, self.biases).permute(0, 3, 1, 2).masked_fill(~slot_mask[:, None], LEAST)
        )
        text_bias = torch.zeros_like(text_mask, dtype=bias.dtype).masked_fill(~text_mask, LEAST)[:, None, None]
        pairs = list(zip(states[::2], states[1::2], strict=True))
        layers = len(pairs) // 2
        slots = SlotCache(pairs[:layers])
        cache = EncoderDecoderCache(slots, CrossStates(pairs[layers:]))
        hidden = self.decoder.embed_tokens(ids)
        for block in self.decoder.block:
            hidden, *_ = block(
                hidden,
                position_bias=bias,
                encoder_hidden_states=hidden,  # only says that there are some: the cache has them
                encoder_decoder_position_bias=text_bias,
                past_key_values=cache,
            )
        hidden = self.decoder.final_layer_norm(hidden)
        logits = self.head(hidden * self.scale if self.scale != 1.0 else hidden)
        return logits, *(each for layer in slots.new for each in layer)


def distance_biases(attention: Any) -> torch.Tensor:
    """What a T5 adds to the scores of tokens at each distance before the one that looks, `(distances, heads)`.

    All beyond the last distance have its bias.
    """
    positions = torch.arange(attention.relative_attention_max_distance + 1)
    buckets = attention._relative_position_bucket(
        -positions,
        bidirectional=False,
        num_buckets=attention.relative_attention_num_buckets,
        max_distance=attention.relative_attention_max_distance,
    )
    return attention.relative_attention_bias(buckets).detach()
