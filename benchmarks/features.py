"""How far filling the cache of vision features stays behind the bare tower.

    python benchmarks/features.py --pictures 256 --rounds 3

Filling reads, hashes, decodes and resizes JPEG photographs, runs the tower and writes its features; the bare tower
runs over the same batches of ready pixel values. Both take turns, and the medians count. Weights are random.
"""

import argparse
import io
import random
import statistics
import tempfile
import time
from pathlib import Path

import datasets
import torch
from PIL import Image, ImageDraw
from transformers import T5Config, ViTConfig, ViTImageProcessorPil

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.inference.features import FeatureCache
from mmcot.inference.image_hashes import image_hashes
from mmcot.training.tokenizer import train_tokenizer


TOWERS = {
    "ViT-B/16-224": {},
    "ViT-S/16-224": {"hidden_size": 384, "num_attention_heads": 6, "intermediate_size": 1536},
    "ViT-Ti/16-224": {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768},
}
TEXT = {"vocab_size": 64, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_heads": 2, "num_layers": 1}


def main() -> None:
    """Measures each tower and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    dataset = photographs(options.pictures)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    processor = MMCoTProcessor(ViTImageProcessorPil(), train_tokenizer([""]))
    print(f"{options.pictures} pictures, batches of {options.batch_size}, {device}")
    print("| tower | bare, pictures/s | cache, pictures/s | cache / bare | ms per lookup |\n|---|---|---|---|---|")
    for name, sizes in TOWERS.items():
        model = build_model(sizes).to(device)
        rounds = [measure(model, processor, dataset, options.batch_size) for _ in range(options.rounds)]
        bare, filled, lookup = (statistics.median(column) for column in zip(*rounds, strict=True))
        share = statistics.median(bare / filled for bare, filled, _ in rounds)
        speeds = f"{len(dataset) / bare:.1f} | {len(dataset) / filled:.1f}"
        print(f"| {name} | {speeds} | {share:.0%} | {1000 * lookup / len(dataset):.3f} |", flush=True)


def photographs(count: int) -> datasets.Dataset:
    """Distinct JPEG files of 640 x 480: shaded backgrounds with shapes, which compress as photographs do."""
    images = [{"bytes": photograph(random.Random(seed)), "path": None} for seed in range(count)]
    return datasets.Dataset.from_dict({"image": images}, datasets.Features(image=datasets.Image()))


def photograph(choose: random.Random) -> bytes:
    """One of them."""
    shades = [Image.linear_gradient("L").rotate(choose.uniform(0, 360)).resize((640, 480)) for _ in "RGB"]
    image = Image.merge("RGB", shades)
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, size = choose.randrange(640), choose.randrange(480), choose.randrange(10, 120)
        draw.ellipse((x, y, x + size, y + size / 2), fill=tuple(choose.randrange(256) for _ in "RGB"))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def build_model(sizes: dict[str, int]) -> MMCoTForConditionalGeneration:
    """A tower of these sizes beside a language model too small to matter."""
    torch.manual_seed(0)
    text = T5Config(decoder_start_token_id=0, **TEXT)
    return MMCoTForConditionalGeneration(MMCoTConfig(text_config=text, vision_config=ViTConfig(**sizes))).eval()


def measure(
    model: MMCoTForConditionalGeneration, processor: MMCoTProcessor, dataset: datasets.Dataset, batch_size: int
) -> tuple[float, float, float]:
    """Seconds of the bare tower, of filling an empty cache, and of looking every picture up."""
    batches = [processor.encode_images(part["image"])["pixel_values"] for part in dataset.iter(batch_size)]
    batches = [batch.to(model.device) for batch in batches]
    with tempfile.TemporaryDirectory() as folder:
        bare = seconds(lambda: run_tower(model, batches))
        cache = FeatureCache.open(model, processor, Path(folder))
        filled = seconds(lambda: cache.fill(dataset, batch_size, progress=False))
        names = [name for row in image_hashes(dataset) for name in row]
        return bare, filled, seconds(lambda: [cache[name] for name in names])


@torch.inference_mode()
def run_tower(model: MMCoTForConditionalGeneration, batches: list[torch.Tensor]) -> None:
    """Features of ready pixel values, on the device."""
    for batch in batches:
        model.get_image_features(batch)
    if model.device.type == "cuda":
        torch.cuda.synchronize()


def seconds(work) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
