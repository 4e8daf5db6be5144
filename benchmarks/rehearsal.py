"""A dress rehearsal of the paper's recipes at their true sizes: does all of it fit, and how long would it take?

    python benchmarks/rehearsal.py --problems downloads/scienceqa --tokenizer google-t5/t5-base --output runs/rehearsal
    python benchmarks/rehearsal.py ... --recipe scienceqa-large.yaml --memory 12 --training.optim adafactor

Weights in the shapes of FLAN-T5 and ViT-L/32 are drawn at random; problems, pictures and tokenizer are real. A handful
of problems, the longest among them, goes the whole way: features, both stages, generation, scores, card. Further words
override keys of the recipe. Random weights write until they are cut off, so the run writes short texts; full length is
measured by itself. For Linux.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import torch
import transformers.trainer
from torch import nn
from transformers import (
    AutoTokenizer,
    T5Config,
    T5ForConditionalGeneration,
    TrainerCallback,
    ViTConfig,
    ViTImageProcessorPil,
    ViTModel,
)

from mmcot import MMCoTProcessor
from mmcot.configuration import Recipe, load_recipe
from mmcot.data.image_column import as_list, without_images
from mmcot.data.loading import load_data
from mmcot.inference.generation import build_prompts, generate_texts, own_batches
from mmcot.inference.load import load_trained
from mmcot.modeling_mmcot.stage_records_mmcot import ANSWER, CHAIN, RATIONALE
from mmcot.training.two_stage import run_recipe


RECIPES = Path(__file__).parents[1] / "configuration"
# The shapes of their text_model; the vision_model of all is ViT-L/32 at 384 pixels.
FLAN_T5: dict[str, dict[str, Any]] = {
    "scienceqa-base.yaml": {"d_model": 768, "d_ff": 2048, "num_layers": 12, "num_heads": 12},
    "scienceqa-large.yaml": {"d_model": 1024, "d_ff": 2816, "num_layers": 24, "num_heads": 16},
}
VIT_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
# All of ScienceQA, which is extrapolated to: problems to train on and to score, and pictures.
TRAINED, SCORED, PICTURES = 12_726, 4_241, 10_332
TRIED = {"train": 16, "val": 8, "test": 8}
LONGEST = 8  # of them in the training split. The Trainer begins with them, a batch that takes as much memory as any
SHORT = 16  # tokens
GB = 1e9


@dataclass
class Stopwatch(TrainerCallback):
    """Times a run and its optimizer steps, and measures what it needs.

    Args:
        steps: by model, seconds of each step.
        disk: bytes of the run folder when it was largest.
    """

    steps: dict[str, list[float]] = field(default_factory=dict)
    disk: int = 0
    since: float = 0.0

    def say(self, text: str) -> None:
        """Ends a part of the run, and begins the one that this text announces."""
        now = clock()
        if self.since:
            print(f"    {now - self.since:.0f} s, at most {peak_memory():.1f} GB of memory", flush=True)
        self.since = now
        print(text, flush=True)

    def on_step_begin(self, args, state, control, **kwargs):
        self.begun = clock()

    def on_step_end(self, args, state, control, **kwargs):
        taken = clock() - self.begun
        self.steps.setdefault(Path(args.output_dir).name, []).append(taken)
        print(f"    step {state.global_step}: {taken:.1f} s", flush=True)

    def on_save(self, args, state, control, **kwargs):
        self.disk = max(self.disk, size_of(Path(args.output_dir).parents[2]))


@dataclass
class Parts:
    """What single parts of a run take.

    Args:
        picture: seconds for each picture that the tower looks at.
        token: by stage, seconds for each token that a batch of texts grows by.
        tokens: by stage, how many tokens a batch of gold texts grows to: those of its longest.
    """

    picture: float
    token: dict[str, float]
    tokens: dict[str, float]


def main() -> None:
    """Rehearses a recipe and prints what it takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problems", required=True, type=Path, help="folder with problems.json")
    parser.add_argument("--images", type=Path, help="by default the folder images beside it")
    parser.add_argument("--tokenizer", required=True, help="of T5: folder or Hub id")
    parser.add_argument("--output", required=True, type=Path)
    parser.add_argument("--recipe", choices=list(FLAN_T5), default="scienceqa-base.yaml")
    parser.add_argument("--memory", type=float, help="gigabytes of RAM with which it ends itself")
    options, overrides = parser.parse_known_args()
    if options.memory:
        threading.Thread(target=guard_memory, args=(options.memory,), daemon=True).start()
    file = RECIPES / options.recipe
    draw_models(options.output / "models", FLAN_T5[options.recipe], options.tokenizer)
    choose_problems(options.problems, options.output / "problems")
    images = options.images or options.problems / "images"
    recipe = load_recipe(file, [*local_words(options.output, images), *overrides])
    shutil.rmtree(recipe.output_dir, ignore_errors=True)
    watch = Stopwatch()
    with watched(watch):
        run_recipe(recipe, watch.say)
    watch.say("Texts as long as the recipe lets them be.")
    paper = load_recipe(file)
    lengths = {stage: int(paper.training[stage].generation_max_length or 0) for stage in CHAIN}
    report(recipe, int(paper.training[ANSWER].num_train_epochs), watch, measure_parts(recipe, lengths))


def draw_models(folder: Path, sizes: Mapping[str, Any], tokenizer: str) -> None:
    """Random weights of both parts, in folders such as the Hub has."""
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(0)
    kind = {"vocab_size": 32128, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
    text = T5Config(d_kv=64, decoder_start_token_id=0, **kind, **sizes)
    model = T5ForConditionalGeneration(text)
    model.lm_head.weight = nn.Parameter(0.05 * torch.randn_like(model.lm_head.weight))  # not that of the embedding
    model.save_pretrained(folder / "text")
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(folder / "text")
    ViTModel(ViTConfig(image_size=384, patch_size=32, **VIT_LARGE)).save_pretrained(folder / "vision")
    ViTImageProcessorPil(size={"height": 384, "width": 384}).save_pretrained(folder / "vision")


def choose_problems(source: Path, folder: Path) -> None:
    """A folder with some of the problems, about half of them with pictures, as it is in all of ScienceQA."""
    problems = json.loads((source / "problems.json").read_text(encoding="utf-8"))
    ids = sorted(problems)
    random.Random(0).shuffle(ids)
    ids.sort(key=lambda name: -len(problems[name]["solution"]))
    longest, rest = ids[:LONGEST], ids[LONGEST:]
    random.Random(1).shuffle(rest)
    pictured = [name for name in rest if problems[name]["image"]]
    others = [name for name in rest if not problems[name]["image"]]
    mixed = [name for pair in zip(pictured, others, strict=False) for name in pair]
    splits = {split: [mixed.pop() for _ in range(count)] for split, count in TRIED.items()}
    splits["train"][:LONGEST] = longest
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"problems": problems, "pid_splits": splits}.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def local_words(output: Path, images: Path) -> list[str]:
    """What a recipe has to say otherwise; the sizes of models and batches, and how much they read, stay."""
    settings: dict[str, Any] = {
        "output_dir": output / "run",
        "dataset": output / "problems",
        "data.images": images,
        "data.captions": "null",
        "model.text_model": output / "models" / "text",
        "model.vision_model": output / "models" / "vision",
        "training.num_train_epochs": 1,
        "training.generation_max_length": SHORT,
        "answer.generation_max_length": SHORT,
        "training.disable_tqdm": "true",
    }
    return [word for key, value in settings.items() for word in (f"--{key}", str(value))]


@contextmanager
def watched(watch: Stopwatch) -> Iterator[None]:
    """Within this, every Trainer has the watch."""
    transformers.trainer.DEFAULT_CALLBACKS.append(watch)
    try:
        yield
    finally:
        transformers.trainer.DEFAULT_CALLBACKS.remove(watch)


@torch.inference_mode()
def measure_parts(recipe: Recipe, lengths: Mapping[str, int]) -> Parts:
    """Times the tower, and both stages writing a batch of texts of these lengths."""
    models, processor, _ = load_trained(recipe.output_dir)
    tried = datasets.concatenate_datasets(list(load_data(recipe.dataset, recipe.data).splits.values()))
    pictures = [image for row in tried for image in as_list(row["image"])][:8]
    pixels = processor.encode_images(pictures)["pixel_values"].to(models[RATIONALE].device)
    picture = seconds(lambda: models[RATIONALE].get_image_features(pixels)) / len(pictures)
    size, texts = recipe.evaluation.batch_size, without_images(tried)
    batch = texts.select([place % len(texts) for place in range(size)])
    token = {stage: time_token(models[stage], processor, batch, stage, length) for stage, length in lengths.items()}
    return Parts(picture, token, {stage: longest_of_batches(processor, texts, stage, size) for stage in lengths})


def time_token(model: Any, processor: MMCoTProcessor, batch: datasets.Dataset, stage: str, length: int) -> float:
    """Seconds for each token, of a batch that is written at once."""
    settings = {"batch_size": len(batch), "min_new_tokens": length, "max_new_tokens": length}
    taken = seconds(lambda: generate_texts(model, processor, batch, stage, **settings))
    print(f"    {stage}: {len(batch)} x {length} tokens, at most {peak_memory():.1f} GB of memory", flush=True)
    return taken / length


def longest_of_batches(processor: MMCoTProcessor, texts: datasets.Dataset, stage: str, size: int) -> float:
    """The mean over batches of the tokens of their longest gold text."""
    lengths = [len(processor.tokenizer(processor.build_target(row, stage))["input_ids"]) for row in texts]
    batches = own_batches(build_prompts(processor, texts, stage, {}), size)
    return statistics.mean(max(lengths[place] for place in batch) for batch in batches)


def report(recipe: Recipe, epochs: int, watch: Stopwatch, parts: Parts) -> None:
    """Prints what the run took, and what all of ScienceQA would take on this machine in so many epochs."""
    disk, left = watch.disk / GB, size_of(Path(recipe.output_dir)) / GB
    print(f"\nDisk: at most {disk:.1f} GB while it trains, {left:.1f} GB in the end.")
    print(f"A picture takes {parts.picture:.3f} s.")
    hours = {"features": PICTURES * parts.picture}
    for stage, steps in watch.steps.items():
        arguments, token, tokens = recipe.training[stage], parts.token[stage], parts.tokens[stage]
        print(f"{stage}: steps of {', '.join(f'{step:.1f}' for step in steps)} s.")
        print(f"{stage}: a token of a batch takes {token:.3f} s, its gold texts have up to {tokens:.0f}.")
        batch = arguments.per_device_train_batch_size * arguments.gradient_accumulation_steps
        hours[f"training of {stage}"] = epochs * TRAINED / batch * statistics.median(steps[1:])
        written = epochs * recipe.evaluation.validation_limit + SCORED
        hours[f"texts of {stage}"] = written / recipe.evaluation.batch_size * tokens * token
    print("\nExtrapolated to all of ScienceQA:")
    for part, taken in hours.items():
        print(f"  {part}: {taken / 3600:.1f} h")


def peak_memory() -> float:
    """Gigabytes that were taken at most since the last call: of the GPU, if there is one."""
    if torch.cuda.is_available():
        peak = torch.cuda.max_memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        return peak / GB
    peak = own_memory("VmHWM")
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
    return peak


def own_memory(kind: str) -> float:
    """Gigabytes of RAM that this process has (`VmRSS`), or had at most (`VmHWM`)."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines())
    return int(status[kind].split()[0]) * 1024 / GB


def guard_memory(limit: float) -> None:
    """Ends the process when it has more than so many gigabytes of RAM, before others suffer."""
    while own_memory("VmRSS") < limit:
        time.sleep(0.1)
    print(f"Stopped: it took more than {limit} GB of memory.", flush=True)
    os._exit(3)


def seconds(work: Callable[[], Any]) -> float:
    """How long it takes."""
    start = clock()
    work()
    return clock() - start


def clock() -> float:
    """Seconds of work: on a GPU those that pass, else those that this process computes, whatever else the cores do."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time() / torch.get_num_threads()


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
