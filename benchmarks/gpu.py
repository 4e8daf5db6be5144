"""How fast mmcot writes and trains on a GPU, in bfloat16, beside what the GPU can do.

    python benchmarks/gpu.py
    python benchmarks/gpu.py --sizes base --batches 1 64 --rounds 5

Writing is bound by memory: each step reads the weights of the decoder and the keys and values of every row. Training
is bound by products. Both bounds are measured in the same run, and each line says which share of them it reaches.
Weights are random. `static` is `generate()` with a static cache, whose step the library compiles.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from machine_limits import best_seconds, count_weights

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration


PROMPT, TOKENS, TARGET = 128, 128, 128
PATCHES, FEATURES = 145, 1024
COMMON = {"d_kv": 64, "vocab_size": 32128, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
SIZES = {
    "tiny": {**COMMON, "d_model": 64, "d_ff": 128, "num_heads": 2, "num_layers": 2},
    "base": {**COMMON, "d_model": 768, "d_ff": 2048, "num_heads": 12, "num_layers": 12},
    "large": {**COMMON, "d_model": 1024, "d_ff": 2816, "num_heads": 16, "num_layers": 24},
}


@dataclass
class Bench:
    """A model on a device, and what the device can do: bytes read and operations in a second."""

    model: MMCoTForConditionalGeneration
    device: torch.device
    read: float
    products: float
    rounds: int

    def seconds(self, work: Callable[[], object]) -> float:
        """The median of some rounds, after one that compiles and warms up."""
        times = []
        for _ in range(self.rounds + 1):
            start = time.perf_counter()
            work()
            synchronize(self.device)
            times.append(time.perf_counter() - start)
        return statistics.median(times[1:])

    def inputs(self, rows: int) -> dict[str, torch.Tensor]:
        """Questions with a picture each."""
        ids = torch.randint(2, 1000, (rows, PROMPT), device=self.device)
        features = torch.randn(rows, PATCHES, FEATURES, device=self.device, dtype=torch.bfloat16)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "image_features": features}

    @torch.inference_mode()
    def write(self, rows: int, cache: str) -> tuple[float, float]:
        """Tokens in a second, and the share of what reading memory allows."""
        inputs = self.inputs(rows)
        settings = {"min_new_tokens": TOKENS, "max_new_tokens": TOKENS, "cache_implementation": cache}
        took = self.seconds(lambda: self.model.generate(**inputs, **settings))
        text = self.model.config.text_config
        attended = 2 * text.num_decoder_layers * text.num_heads * text.d_kv * (PROMPT + TOKENS / 2)
        least = TOKENS * 2 * (count_weights(self.model)[2] + rows * attended) / self.read
        return rows * TOKENS / took, least / took

    def train(self, rows: int) -> tuple[float, float]:
        """Questions in a second, and the share of what products allow."""
        labels = torch.randint(2, 1000, (rows, TARGET), device=self.device)
        inputs = self.inputs(rows)

        def step() -> None:
            self.model(**inputs, labels=labels).loss.backward()
            self.model.zero_grad()

        took = self.seconds(step)
        encoder, cross, decoder = count_weights(self.model)
        least = 6 * rows * (PROMPT * (encoder + cross) + TARGET * decoder) / self.products
        return rows / took, least / took


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["base", "large"])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8, 64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cuda")
    options = parser.parse_args()
    device = torch.device(options.device)
    read, products = measure(device)
    print(
        f"{device_name(device)} reads {read / 1e9:.0f} GB/s and multiplies {products / 1e12:.1f} TFLOP/s in bfloat16."
    )
    print("\n| size, batch | task | a second | of the limit |\n|---|---|---|---|")
    for size in options.sizes:
        bench = Bench(build_model(size).to(device), device, read, products, options.rounds)
        for rows in options.batches:
            for cache in ("dynamic", "static"):
                speed, share = bench.write(rows, cache)
                print(f"| {size}, {rows} | tokens, {cache} cache | {speed:.0f} | {share:.0%} |", flush=True)
        for rows in (8, 32):
            speed, share = bench.train(rows)
            print(f"| {size}, {rows} | questions trained on | {speed:.1f} | {share:.0%} |", flush=True)


def build_model(size: str) -> MMCoTForConditionalGeneration:
    """A model of this size with random weights, in bfloat16."""
    torch.manual_seed(0)
    text = {"model_type": "t5", "decoder_start_token_id": 0, **SIZES[size]}
    config = MMCoTConfig(text_config=text, image_feature_size=FEATURES, tie_word_embeddings=False)
    return MMCoTForConditionalGeneration(config).to(torch.bfloat16).eval()


def measure(device: torch.device) -> tuple[float, float]:
    """Bytes that a device reads in a second, and operations of a large product."""
    wide = 8192 if device.type == "cuda" else 1024
    numbers = torch.ones(wide * wide * 4, device=device, dtype=torch.bfloat16)
    matrix = torch.randn(wide, wide, device=device, dtype=torch.bfloat16)
    reading = best_seconds(lambda: (numbers.sum(), synchronize(device)))
    multiplying = best_seconds(lambda: (matrix @ matrix, synchronize(device)))
    return 2 * numbers.numel() / reading, 2 * wide**3 / multiplying


def synchronize(device: torch.device) -> None:
    """Waits until a device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def device_name(device: torch.device) -> str:
    """What it is called."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "The CPU"


if __name__ == "__main__":
    main()
