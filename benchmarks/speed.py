"""How fast mmcot writes, answers and trains, in one table, beside what this machine can do at most.

    python benchmarks/speed.py --size quickstart --rounds 5
    python benchmarks/speed.py --size base --rounds 1 --json base.json
    python benchmarks/speed.py --size base --dataset downloads/scienceqa --tokenizer google/flan-t5-base
    python benchmarks/speed.py --size quickstart --trained runs/quickstart

Engines take turns with the same inputs, and the medians of their paired ratios count; all have to write the same
tokens. `padded` stands in for the official code: prompts padded to 512 tokens, and no cache while it writes. Weights
are random: speed does not depend on them. A data set in ScienceQA's layout adds what its texts take: plain batches
against seats that are taken anew, guesses by an n-gram table of its training rationales, and training steps. There
`padded` writes one batch of texts from all over the data set, and its time for all of them is extrapolated.

A trained folder with an export in `onnx` adds how long each engine takes from its first line to its first answer, and
the memory it needs (on Linux).
"""

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine_limits import Limits, measure_limits
from speed_engines import Onnx, Question, Torch, in_batches
from speed_starts import measure_starts
from speed_texts import Texts, TrainingSteps, read_texts

from mmcot import MMCoTConfig, MMCoTForConditionalGeneration


SMALL = {"d_model": 96, "d_ff": 192, "d_kv": 32, "num_heads": 4, "num_layers": 2, "vocab_size": 1000}
BASE = {"d_model": 768, "d_ff": 2048, "d_kv": 64, "num_heads": 12, "num_layers": 12, "vocab_size": 32128}


@dataclass
class Size:
    """A model and what it reads: sizes of T5, patches of a picture and numbers for each."""

    text: Mapping[str, Any]
    patches: int
    features: int


SIZES = {
    "quickstart": Size({**SMALL, "feed_forward_proj": "relu"}, 64, 96),
    "base": Size({**BASE, "feed_forward_proj": "gated-gelu"}, 145, 1024),
}


@dataclass
class Task:
    """Questions that are answered together: how many, tokens of each prompt, and tokens that are written."""

    name: str
    rows: int
    prompt: int
    tokens: int


ENGINES = ["padded", "generate", "onnx"]
SEATS = (8, 32)
TASKS = (
    Task("rationale, batch 1", 1, 128, 128),
    Task("rationale, batch 8", 8, 128, 128),
    Task("rationale, batch 32", 32, 128, 128),
    Task("answer, batch 1", 1, 230, 8),
)


@dataclass
class Row:
    """A row of the table.

    Args:
        task: what was done.
        seconds: median by engine.
        ratios: by engine, how many times as long as the last engine it took.
        limit: seconds that no engine can beat which writes a token at a time.
    """

    task: str
    seconds: dict[str, float]
    ratios: dict[str, float]
    limit: float | None = None

    def line(self, engines: list[str]) -> str:
        """The row in Markdown."""
        cells = [f"{self.seconds[name]:.3f}" if name in self.seconds else "" for name in engines]
        times = [f"{self.ratios[name]:.1f}" if name in self.ratios else "" for name in engines[:-1]]
        last = self.seconds.get(engines[-1])
        share = f"{last / self.limit:.2f}" if self.limit and last else ""
        return f"| {self.task} | " + " | ".join([*cells, *times, share]) + " |"

    def beside(self, engine: str, seconds: float) -> "Row":
        """This row with one engine more, in front."""
        last = list(self.seconds.values())[-1]
        return replace(self, seconds={engine: seconds, **self.seconds}, ratios={engine: seconds / last, **self.ratios})


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="quickstart")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every engine")
    parser.add_argument(
        "--padded-rows", type=int, default=8, help="largest batch that the padded engine takes part in"
    )
    parser.add_argument("--dataset", help="with ScienceQA's columns: a folder, a file or a Hub id")
    parser.add_argument("--images", help="folder that the paths of its pictures start from")
    parser.add_argument("--tokenizer", help="for the texts of the data set: a folder or a Hub id")
    parser.add_argument("--texts", type=int, default=64, help="so many of the test split are written")
    parser.add_argument("--trained", type=Path, help="a run folder with an export in onnx: how it starts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="file for all numbers")
    options = parser.parse_args()
    if options.dataset and options.size != "base":
        parser.error("--dataset needs --size base: a tokenizer of texts has more tokens than the small model")
    torch.set_num_threads(options.threads)
    limits, size = measure_limits(), SIZES[options.size]
    print(f"{options.size}, {options.threads} threads; the machine reads {limits.read / 1e9:.0f} GB/s")
    print(f"and multiplies {limits.products / 1e9:.0f} GFLOP/s.\n")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(size, Path(folder), options.threads, options.rounds, options.padded_rows)
        print(heading(ENGINES), flush=True)
        rows = [bench.generate(task, limits) for task in TASKS]
        if options.dataset:
            rows += bench.real_texts(read_texts(options.dataset, options.images, options.tokenizer, options.texts))
    starts = measure_starts(options.trained, options.rounds) if options.trained else []
    if options.json:
        content = {"size": options.size, "limits": asdict(limits), "rows": [asdict(row) for row in rows]}
        content["starts"] = [asdict(start) for start in starts]
        options.json.write_text(json.dumps(content, indent=1) + "\n")


class Bench:
    """The engines over one model, and what they are asked.

    Args:
        size: of the model.
        folder: empty, for its graphs.
        threads: for each engine.
        rounds: turns of each.
        padded_rows: largest batch that the padded engine takes part in.
    """

    def __init__(self, size: Size, folder: Path, threads: int, rounds: int, padded_rows: int):
        self.size, self.rounds, self.padded_rows = size, rounds, padded_rows
        self.model = build_model(size)
        self.padded, self.torch = Torch(self.model, official=True), Torch(self.model)
        self.onnx = Onnx(self.model, folder, threads)
        self.numbers = np.random.default_rng(0)

    def generate(self, task: Task, limits: Limits) -> Row:
        """All engines with the questions of a task."""
        questions = [self.question(task.prompt, task.tokens) for _ in range(task.rows)]
        engines = {
            "padded": lambda: self.padded.write(questions),
            "generate": lambda: self.torch.write(questions),
            "onnx": lambda: self.onnx.write(questions),
        }
        beginning = [replace(question, tokens=2) for question in questions]
        self.torch.write(beginning)  # the first call of an engine takes longer
        self.onnx.write(beginning)
        if task.rows > self.padded_rows:
            del engines["padded"]
        row = compare(task.name, engines, self.rounds)
        row.limit = limits.least_seconds(self.model, task.rows, self.size.patches, task.prompt, task.tokens)
        print(row.line(ENGINES), flush=True)
        return row

    def real_texts(self, texts: Texts) -> list[Row]:
        """Rationales and answers as long as those of a data set, and training steps on its texts."""
        rows = [*self.two_stages(texts), self.one_by_one(texts)]
        steps = TrainingSteps(self.model, texts, self.size.patches)
        rows.append(compare("training steps, batch 4", {"padded": steps.padded, "mmcot": steps.mmcot}, 1, same=False))
        for engines, alike in itertools.groupby(rows, key=lambda row: list(row.seconds)):
            print(heading(engines), *(row.line(engines) for row in alike), sep="\n", flush=True)
        return rows

    def two_stages(self, texts: Texts) -> list[Row]:
        """Texts of each stage, so many at once, and both stages one after the other."""
        rows = []
        for stage, pairs in texts.test.items():
            questions = [self.question(len(prompt), len(target)) for prompt, target in pairs]
            padded = self.extrapolate(questions)
            for seats in SEATS:
                engines = {
                    "generate": lambda: in_batches(self.torch, questions, seats),  # noqa: B023
                    "onnx": lambda: self.onnx.write(questions, seats),  # noqa: B023
                }
                row = compare(f"{len(questions)} texts of stage {stage}, {seats} at once", engines, 1)
                rows.append(row.beside("padded", padded))
        for place, seats in enumerate(SEATS):
            stages = rows[place :: len(SEATS)][: len(texts.test)]
            rows.append(add(f"both stages of {len(questions)} problems, {seats} at once", stages))
        return rows

    def extrapolate(self, questions: list[Question]) -> float:
        """Seconds of the padded engine for all questions, from a batch of them."""
        batch = questions[:: max(1, len(questions) // self.padded_rows)]
        start = time.perf_counter()
        self.padded.write(batch)
        return (time.perf_counter() - start) * len(questions) / len(batch)

    def one_by_one(self, texts: Texts) -> Row:
        """True rationales, forced on every engine, so that guesses come true as often as for a trained model."""
        pairs = texts.test["rationale"][:8]
        forced = [self.question(len(prompt), len(target), target) for prompt, target in pairs]
        engines = {
            "padded": lambda: [self.padded.write([question])[0] for question in forced],
            "generate": lambda: [self.torch.write([question])[0] for question in forced],
            "onnx": lambda: self.onnx.write(forced, 1),
            "onnx with guesses": lambda: self.onnx.write(forced, 1, texts.drafts),
        }
        return compare(f"{len(forced)} rationales of the test split, one by one", engines, 1)

    def question(self, prompt: int, tokens: int, forced: list[int] | None = None) -> Question:
        """A question of so many tokens, and a picture."""
        ids = self.numbers.integers(2, self.size.text["vocab_size"], prompt).tolist()
        features = self.numbers.standard_normal((self.size.patches, self.size.features), dtype=np.float32)
        return Question(ids, features, tokens, forced)


def build_model(size: Size) -> MMCoTForConditionalGeneration:
    """A model of this size with random weights, in which pictures count."""
    torch.manual_seed(0)
    text = {"model_type": "t5", "tie_word_embeddings": False, "decoder_start_token_id": 0, **size.text}
    config = MMCoTConfig(text_config=text, image_feature_size=size.features, tie_word_embeddings=False)
    return MMCoTForConditionalGeneration(config).eval()


def compare(task: str, engines: Mapping[str, Callable[[], Any]], rounds: int, same: bool = True) -> Row:
    """Lets engines take turns; the last is what the others are compared with."""
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        results = {}
        for name, work in engines.items():
            start = time.perf_counter()
            results[name] = work()
            seconds[name].append(time.perf_counter() - start)
        if same and any(result != results[list(engines)[-1]] for result in results.values()):
            raise SystemExit(f"{task}: the engines wrote different tokens.")
    last = seconds[list(engines)[-1]]
    ratios = {
        name: statistics.median(mine / theirs for mine, theirs in zip(values, last, strict=True))
        for name, values in seconds.items()
    }
    return Row(task, {name: statistics.median(values) for name, values in seconds.items()}, ratios)


def add(task: str, rows: list[Row]) -> Row:
    """What all rows take together, each engine by itself."""
    seconds = {name: sum(row.seconds[name] for row in rows) for name in rows[0].seconds}
    last = list(seconds.values())[-1]
    return Row(task, seconds, {name: value / last for name, value in seconds.items()})


def heading(engines: list[str]) -> str:
    """The head of a table in Markdown."""
    times = [f"{name} / {engines[-1]}" for name in engines[:-1]]
    names = ["", *(f"{name}, s" for name in engines), *times, "of the limit"]
    return "\n| " + " | ".join(names) + " |\n" + "|---" * len(names) + "|"


if __name__ == "__main__":
    main()
