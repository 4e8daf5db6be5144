"""What this machine can do at most: how fast it reads memory, and how fast it multiplies matrices."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from mmcot import MMCoTForConditionalGeneration
from mmcot.inference.fast_matmul import fast_matmul


FLOAT = 4  # bytes
TRIES = 7


@dataclass
class Limits:
    """Of this machine with torch's threads: memory read in bytes a second, products in operations a second."""

    read: float
    products: float

    def least_seconds(
        self, model: MMCoTForConditionalGeneration, rows: int, patches: int, source: int, tokens: int
    ) -> float:
        """What no engine can beat that generates a token at a time in float32.

        The prompt and its pictures pass the encoder once; then each token needs all weights of the decoder, and the
        keys and values of what it looks at: bound by reading them, or by multiplying with them.

        Args:
            rows, patches, source, tokens: questions, patches of their pictures, tokens of their prompts and answers.
        """
        encoder, cross, step = count_weights(model)
        text = model.config.text_config
        key = text.num_heads * text.d_kv
        attended = 2 * text.num_decoder_layers * key * (source + tokens / 2)
        seen = 2 * rows * patches * model.config.image_feature_size * text.d_model
        reading = 2 * rows * source * (encoder + cross) + 4 * rows * text.num_layers * key * source**2 + seen
        read = FLOAT * (step + rows * attended) / self.read
        multiplied = 2 * rows * (step + attended) / self.products
        return reading / self.products + tokens * max(read, multiplied)


def count_weights(model: MMCoTForConditionalGeneration) -> tuple[int, int, int]:
    """Weights used for each token of the prompt by the encoder, for its keys and values, and for each new token."""
    encoder = cross = step = 0
    for name, weights in model.named_parameters():
        if "vision" in name or weights.ndim < 2 or "relative_attention_bias" in name:
            continue
        if "EncDecAttention.k" in name or "EncDecAttention.v" in name:
            cross += weights.numel()
        elif ".decoder." in name or "lm_head" in name:
            step += weights.numel()
        elif "shared" not in name and "embed_tokens" not in name:
            encoder += weights.numel()
    if "lm_head.weight" not in dict(model.named_parameters()):  # tied to the embedding
        step += model.get_input_embeddings().weight.numel()
    return encoder, cross, step


def measure_limits() -> Limits:
    """The best of a few tries of each."""
    numbers = torch.ones(128 * 1024 * 1024)
    left, right = torch.randn(2048, 1024), torch.randn(4096, 1024)
    with torch.inference_mode(), fast_matmul(left.device):
        read = FLOAT * numbers.numel() / best_seconds(numbers.sum)
        products = 2 * 2048 * 1024 * 4096 / best_seconds(lambda: torch.nn.functional.linear(left, right))
    return Limits(read, products)


def best_seconds(work: Callable[[], object]) -> float:
    """How long it takes at best."""
    times = []
    for _ in range(TRIES):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
