"""Whether an explanation means something: where SketchQA knows what decides a problem, does the map find it?

    python benchmarks/localisation.py --model runs/quickstart --problems 200

Two tests. Share: how much of a map lies in the box around what decides the answer, over what an even map has there.
Deletion: the quarter of the picture with the most heat is hidden, in its mean colour or blurred, the model thinks and
answers anew, and the probability of its first answer falls; hiding a random quarter says what any damage does.
`Explanation.maps` competes with three other attributions, which live here and nowhere else.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter, ImageStat

from mmcot.configuration.repository import find_repository
from mmcot.data.sketchqa import SketchQAOptions, generate
from mmcot.inference.load import load_processor, load_stages
from mmcot.modeling_mmcot.answering_mmcot import write_stages
from mmcot.modeling_mmcot.confidence_mmcot import Written
from mmcot.modeling_mmcot.encoder_mmcot import MMCoTEncoderOutput
from mmcot.modeling_mmcot.explanation_mmcot import explain_answer
from mmcot.modeling_mmcot.questions_mmcot import read_question


FAMILIES = ("states", "moon", "litmus", "weather", "thermometer", "circuit", "magnets", "compass", "prepositions")
FAMILIES += ("plurals",)
RANDOM_DRAWS = 4
OPTION = "hiding, map of the chosen option"


@dataclass
class Problem:
    """A drawn problem as the models answered it."""

    row: dict[str, Any]
    example: dict[str, Any]
    written: dict[str, Written]

    @property
    def answer(self) -> int:
        return int(np.argmax(self.written["answer"].scores))


class Bench:
    """The two stages of a trained folder, and the maps and tests on them."""

    def __init__(self, model: str):
        repository = find_repository(model)
        self.stages, self.processor = load_stages(repository), load_processor(repository)
        # Other implementations do not say what the decoder attends to.
        self.stages["rationale"].set_attn_implementation("eager")

    def problems(self, count: int) -> Iterator[Problem]:
        for row in generate("test", SketchQAOptions(train=1, validation=1, test=count, families=FAMILIES)):
            example = read_question({key: row[key] for key in ("question", "choices", "hint", "image")})
            yield Problem(row, example, self.ask([example])[0])

    def ask(self, examples: list[dict[str, Any]]) -> list[dict[str, Written]]:
        with torch.no_grad():
            return write_stages(self.stages, self.processor, examples, {"rationale": {}, "answer": {}})

    def maps(self, problem: Problem) -> dict[str, np.ndarray]:
        """The maps of all methods, each summed over the words of the rationale."""
        explanation = explain_answer(self.stages, self.processor, problem.example, problem.written)
        return {
            "attention x gate": self.by_attention(problem),
            "gradient x attention": self.by_gradient(problem),
            "removal of patches": self.by_removal(problem),
            "hiding (`Explanation.maps`)": explanation.maps[0],
            OPTION: explanation.options[problem.answer].maps[0],
        }

    def read(self, problem: Problem) -> tuple[Any, Any, torch.Tensor, torch.Tensor]:
        """Stage 1's model, its inputs, its text as labels, and the states of the prompt's words."""
        prompt = self.processor.build_prompt(problem.example, "rationale")
        inputs = self.processor(images=[problem.example["image"]], text=[prompt])
        labels = self.processor.encode_targets([problem.written["rationale"].text])
        model = self.stages["rationale"]
        encoder = model.get_encoder().text_encoder
        with torch.no_grad():
            text = encoder(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"]).last_hidden_state
        return model, inputs, labels, text

    @torch.no_grad()
    def by_attention(self, problem: Problem) -> np.ndarray:
        """What a word takes from the prompt's words, times their gate, times what those took from the patches."""
        model, inputs, labels, _ = self.read(problem)
        seen = model.get_encoder()(**inputs, output_attentions=True)
        crossed = model(
            encoder_outputs=MMCoTEncoderOutput(seen.last_hidden_state),
            attention_mask=inputs["attention_mask"],
            labels=labels,
            output_attentions=True,
        ).cross_attentions
        taken = torch.stack(crossed).mean((0, 2))[0] * seen.gate[0].mean(-1)  # (words, text)
        return on_grid((taken @ seen.image_attentions[0]).sum(0))

    def by_gradient(self, problem: Problem) -> np.ndarray:
        """How each word's logarithm would change with the attention to a patch, times that attention."""
        model, inputs, labels, text = self.read(problem)
        fusion = model.fusion
        with torch.no_grad():
            values = fusion.value(fusion.image_projection(model.get_image_features(inputs["pixel_values"])[0]))
            attention = model.get_encoder()(**inputs, output_attentions=True).image_attentions
        attention.requires_grad_(True)
        seen = fusion.output(attention @ values)
        gate = torch.sigmoid(fusion.gate(torch.cat([text, seen], -1)))
        logarithms = word_logarithms(model, inputs, (1 - gate) * text + gate * seen, labels)[0]
        gradients = [torch.autograd.grad(each, attention, retain_graph=True)[0] for each in logarithms]
        return on_grid(sum((gradient * attention).detach()[0].sum(0).clamp(min=0) for gradient in gradients))

    @torch.no_grad()
    def by_removal(self, problem: Problem) -> np.ndarray:
        """How far each word's logarithm falls where the fusion cannot see a patch."""
        model, inputs, labels, text = self.read(problem)
        features = model.get_image_features(inputs["pixel_values"])[0]
        patches = features.shape[1]
        masks = torch.cat([torch.ones(1, patches), 1 - torch.eye(patches)]).bool()
        rows = len(masks)
        fused, *_ = model.fusion(text.expand(rows, -1, -1), features.expand(rows, -1, -1), masks)
        logarithms = word_logarithms(model, inputs, fused, labels)
        return on_grid((logarithms[:1] - logarithms[1:]).clamp(min=0).sum(1))

    def fall(self, problem: Problem, pictures: list[Image.Image]) -> list[float]:
        """How far the answer's probability falls when the question is asked with other pictures."""
        rows = self.ask([{**problem.example, "image": [picture]} for picture in pictures])
        before = problem.written["answer"].scores[problem.answer]
        return [before - row["answer"].scores[problem.answer] for row in rows]


def word_logarithms(model: Any, inputs: Any, fused: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    rows = len(fused)
    logits = model(
        encoder_outputs=MMCoTEncoderOutput(fused),
        attention_mask=inputs["attention_mask"].expand(rows, -1),
        decoder_input_ids=model.prepare_decoder_input_ids_from_labels(labels).expand(rows, -1),
        use_cache=False,
    ).logits
    return logits.log_softmax(-1).gather(-1, labels.expand(rows, -1)[:, :, None])[:, :, 0]


def on_grid(values: torch.Tensor) -> np.ndarray:
    """Patches `(patches,)` as a square; what stands before it, such as a class token, is left out."""
    side = isqrt(len(values))
    return values[len(values) - side**2 :].view(side, side).numpy()


def share_in_box(heat: np.ndarray, box: list[float], size: int) -> tuple[float, float]:
    """Share of the positive part of a map inside a box of pixels, and that of an even map."""
    rows, columns = heat.shape

    def overlap(cells: int, low: float, high: float) -> np.ndarray:
        edges = np.arange(cells + 1) * size / cells
        return np.clip(np.minimum(edges[1:], high) - np.maximum(edges[:-1], low), 0, None) * cells / size

    covered = np.outer(overlap(rows, box[1], box[3]), overlap(columns, box[0], box[2]))
    positive = np.clip(heat, 0, None)
    even = covered.mean()
    # A map without anything in it points nowhere, as an even one does.
    return (float((positive * covered).sum() / positive.sum()) if positive.sum() else even), even


def hottest_quarter(heat: np.ndarray) -> np.ndarray:
    chosen = np.zeros(heat.size, dtype=bool)
    chosen[np.argsort(-heat, axis=None, kind="stable")[: heat.size // 4]] = True
    return chosen.reshape(heat.shape)


def random_quarter(rng: np.random.Generator) -> np.ndarray:
    return hottest_quarter(rng.random((8, 8)))


def random_square(rng: np.random.Generator) -> np.ndarray:
    chosen = np.zeros((8, 8), dtype=bool)
    row, column = rng.integers(0, 5, 2)
    chosen[row : row + 4, column : column + 4] = True
    return chosen


def painted(picture: Image.Image) -> Image.Image:
    return Image.new("RGB", picture.size, tuple(round(channel) for channel in ImageStat.Stat(picture).mean))


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(picture.width / 10))


def hide(picture: Image.Image, chosen: np.ndarray, fill: Callable[[Image.Image], Image.Image]) -> Image.Image:
    """A picture with some cells of a grid hidden."""
    mask = Image.fromarray((255 * chosen).astype(np.uint8)).resize(picture.size, Image.Resampling.NEAREST)
    return Image.composite(fill(picture), picture, mask)


def main() -> None:
    """Measures and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--problems", type=int, default=200)
    options = parser.parse_args()
    bench, rng = Bench(options.model), np.random.default_rng(0)
    shares: dict[str, list[tuple[float, float]]] = defaultdict(list)
    falls: dict[tuple[str, str], list[float]] = defaultdict(list)
    families: dict[str, list[int]] = defaultdict(list)
    problems = [problem for problem in bench.problems(options.problems) if problem.row["image"] is not None]
    for position, problem in enumerate(problems):
        picture, maps = problem.example["image"][0], bench.maps(problem)
        families[problem.row["family"]].append(position)
        quarters = [(name, hottest_quarter(heat)) for name, heat in maps.items()]
        quarters += [("random quarter", random_quarter(rng)) for _ in range(RANDOM_DRAWS)]
        quarters += [("random square", random_square(rng)) for _ in range(RANDOM_DRAWS)]
        for name, heat in maps.items():
            shares[name].append(share_in_box(heat, problem.row["box"], picture.width))
        for fill in (painted, blurred):
            fallen = bench.fall(problem, [hide(picture, chosen, fill) for _, chosen in quarters])
            for (name, _), value in zip(quarters, fallen, strict=True):
                falls[name, fill.__name__].append(value)
    print(f"{len(problems)} problems")
    print_methods(shares, falls)
    print_families(shares, families)


def ratios(pairs: list[tuple[float, float]]) -> list[float]:
    return [share / even for share, even in pairs]


def print_methods(shares: dict[str, Any], falls: dict[tuple[str, str], list[float]]) -> None:
    print("\n| map | share in the box | over an even map, mean | median | fall, painted | fall, blurred |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in dict.fromkeys(name for name, _ in falls):
        cells = ["", "", ""]
        if name in shares:
            share, times = statistics.mean(share for share, _ in shares[name]), ratios(shares[name])
            cells = [f"{share:.1%}", f"{statistics.mean(times):.2f}", f"{statistics.median(times):.2f}"]
        cells += [f"{statistics.mean(falls[name, fill]):.3f}" for fill in ("painted", "blurred")]
        print(f"| {name} | {' | '.join(cells)} |")


def print_families(shares: dict[str, Any], families: dict[str, list[int]]) -> None:
    methods = list(shares)
    print(f"\n| family | problems | {' | '.join(methods)} |\n| --- | --- |{' --- |' * len(methods)}")
    for family, positions in sorted(families.items()):
        times = [statistics.mean(ratios([shares[name][i] for i in positions])) for name in methods]
        print(f"| {family} | {len(positions)} | {' | '.join(f'{value:.2f}' for value in times)} |")


if __name__ == "__main__":
    main()
