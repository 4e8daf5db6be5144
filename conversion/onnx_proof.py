"""Whether the graphs of a stage say what its model says: the same tokens, and the same scores of the options."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch

from ..data.sketchqa import SketchQAOptions, generate
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.encoder_mmcot import MMCoTEncoderOutput
from ..modeling_mmcot.generation_mmcot import option_scores
from ..modeling_mmcot.stage_records_mmcot import find_stage


EXAMPLES = 32
BATCH = 8
TOLERANCE = 1e-4  # of the probability of an option
Arrays = dict[str, np.ndarray]


class GraphsDifferError(ValueError):
    """The graphs say something else than the model."""


class StageGraphs:
    """The graphs of a stage in onnxruntime, just enough of an engine to compare them.

    Args:
        root: folder of the export.
        stage: its entry in the settings of the export.
    """

    def __init__(self, root: Path, stage: Mapping[str, Any]):
        self.stage = stage
        self.sessions = {
            name: onnxruntime.InferenceSession(root / path, providers=["CPUExecutionProvider"])
            for name, path in stage["graphs"].items()
            if path is not None
        }

    @property
    def image_feature_size(self) -> int:
        """Numbers per patch that the encoder takes."""
        inputs = {each.name: each.shape for each in self.sessions["encoder"].get_inputs()}
        return inputs["image_features"][-1]

    def run(self, name: str, inputs: Arrays) -> Arrays:
        session = self.sessions[name]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs), strict=True))

    def read(self, ids: np.ndarray, mask: np.ndarray, features: np.ndarray, seen: np.ndarray) -> Arrays:
        """The cross states of a batch of prompts, and the mask of their text."""
        prompt = {"input_ids": ids, "attention_mask": mask}
        pictures = {"image_features": features, "image_attention_mask": seen}
        return {**self.run("encoder", {**prompt, **pictures}), "text_mask": mask}

    def step(self, ids: np.ndarray, past: Arrays, read: Arrays) -> tuple[np.ndarray, Arrays]:
        """Logits after each of some tokens, and the cache with them in it."""
        rows, new = ids.shape
        cached = past["past_k_0"].shape[2]
        distance = (cached + np.arange(new))[:, None] - np.arange(cached + new)
        order = np.repeat(distance[None], rows, 0)
        outputs = self.run("step", {"ids": ids, "distance": order, "slot_mask": order >= 0, **past, **read})
        grown = {
            name: np.concatenate([each, outputs[name.replace("past", "present")]], 2) for name, each in past.items()
        }
        return outputs["logits"], grown

    def empty(self, rows: int) -> Arrays:
        """The cache before the first token."""
        shape = (rows, self.stage["heads"], 0, self.stage["key_size"])
        names = [f"past_{part}_{layer}" for layer in range(self.stage["layers"]) for part in "kv"]
        return {name: np.zeros(shape, np.float32) for name in names}

    def write(self, read: Arrays, longest: int) -> np.ndarray:
        """The most probable tokens, one after another, `(rows, tokens)`, padded after the end of each row."""
        rows = len(read["text_mask"])
        ids = np.full((rows, 1), self.stage["decoder_start_token_id"])
        past, written, ended = self.empty(rows), [ids], np.zeros(rows, bool)
        while len(written) <= longest and not ended.all():
            logits, past = self.step(written[-1], past, read)
            ids = np.where(ended, self.stage["pad_token_id"], logits[:, -1].argmax(-1))[:, None]
            ended |= np.isin(ids[:, 0], self.stage["eos_token_ids"])
            written.append(ids)
        return np.concatenate(written, 1)

    def log_probabilities(self, read: Arrays, targets: np.ndarray) -> np.ndarray:
        """Of texts `(rows, tokens)`, -100 where padded, the logarithms of how probable they are, `(rows,)`."""
        start = np.full((len(targets), 1), self.stage["decoder_start_token_id"])
        shifted = np.concatenate([start, targets[:, :-1]], 1)
        shifted[shifted == -100] = self.stage["pad_token_id"]
        logits, _ = self.step(shifted, self.empty(len(targets)), read)
        logits = logits - logits.max(-1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        chosen = np.take_along_axis(logs, np.maximum(targets, 0)[..., None], -1)[..., 0]
        return np.where(targets == -100, 0, chosen).sum(-1)


def draw_examples() -> list[dict[str, Any]]:
    """Questions of all kinds: with a picture, with two, with none."""
    examples = list(generate("test", SketchQAOptions(test=EXAMPLES, seed=1)))
    pictures = [example["image"] for example in examples if example["image"] is not None]
    for position, example in enumerate(examples):
        if position % 8 == 3 and example["image"] is not None:
            example["image"] = [example["image"], pictures[position % len(pictures)]]
    return examples


@torch.inference_mode()
def prove_stage(
    root: Path, stage: Mapping[str, Any], model: MMCoTForConditionalGeneration, processor: MMCoTProcessor
) -> float:
    """Compares the graphs of a stage with its model, on drawn questions.

    Args:
        root: folder of the export.
        stage: its entry in the settings of the export.

    Returns:
        The largest difference between the probabilities of an option; 0 for a stage that writes more than an answer.

    Raises:
        GraphsDifferError: where a token differs, or a probability by more than `TOLERANCE`.
    """
    graphs, largest = StageGraphs(root, stage), 0.0
    for examples in example_batches(draw_examples()):
        inputs = stage_inputs(examples, stage["name"], model, processor)
        encoded = model.get_encoder()(**inputs)
        seen = look(graphs, inputs)
        text = {name: inputs[name].numpy() for name in ("input_ids", "attention_mask")}
        read = graphs.read(text["input_ids"], text["attention_mask"].astype(bool), *seen)
        compare_texts(graphs, read, model, inputs, encoded)
        if find_stage(stage["name"]).only_answers:
            options = [len(example["choices"]) for example in examples]
            targets = processor.encode_targets(processor.option_targets(max(options), stage["name"]))
            largest = max(largest, compare_scores(graphs, read, model, encoded, targets, options))
    if largest > TOLERANCE:
        raise GraphsDifferError(
            f"The graphs of the stage {stage['name']!r} give options other scores, by {largest:.1e}."
        )
    return largest


def example_batches(examples: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(examples), BATCH):
        yield examples[start : start + BATCH]


def stage_inputs(
    examples: Sequence[Mapping[str, Any]],
    stage: str,
    model: MMCoTForConditionalGeneration,
    processor: MMCoTProcessor,
) -> dict[str, Any]:
    """A batch for the model. One that reads pictures but has no image encoder gets features of its size, drawn, in
    place of pictures."""
    prompts = [processor.build_prompt(example, stage) for example in examples]
    if model.vision_tower is not None:
        return dict(processor(images=[example["image"] for example in examples], text=prompts))
    if not model.config.image_feature_size:
        return dict(processor(text=prompts))
    torch.manual_seed(0)
    features = torch.randn(len(examples), model.config.image_feature_length or 4, model.config.image_feature_size or 0)
    there = torch.tensor([example["image"] is not None for example in examples])
    return {
        **processor(text=prompts),
        "image_features": features,
        "image_attention_mask": there[:, None].expand(features.shape[:2]).long(),
    }


def look(graphs: StageGraphs, inputs: Mapping[str, torch.Tensor]) -> tuple[np.ndarray, np.ndarray]:
    """Features of a batch's pictures `(batch, patches, f)` by the graphs, and which of them there are."""
    rows = len(inputs["input_ids"])
    if "image_features" in inputs:
        return inputs["image_features"].numpy(), inputs["image_attention_mask"].numpy().astype(bool)
    if "pixel_values" not in inputs:
        return np.zeros((rows, 1, graphs.image_feature_size), np.float32), np.zeros((rows, 1), bool)
    pixels = inputs["pixel_values"].numpy()
    seen = graphs.run("vision", {"pixel_values": pixels.reshape(-1, *pixels.shape[-3:])})["image_features"]
    there = inputs["image_attention_mask"].numpy().astype(bool).repeat(seen.shape[1], axis=1)
    return seen.reshape(rows, -1, seen.shape[-1]), there


def compare_texts(
    graphs: StageGraphs,
    read: Arrays,
    model: MMCoTForConditionalGeneration,
    inputs: Mapping[str, torch.Tensor],
    encoded: MMCoTEncoderOutput,
) -> None:
    """Refuses graphs that write other tokens."""
    longest = graphs.stage["generation"]["max_new_tokens"]
    settings = {"max_new_tokens": longest, "num_beams": 1, "do_sample": False}
    text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    expected = model.generate(**text, encoder_outputs=encoded, **settings).numpy()
    written = graphs.write(read, longest)
    if not np.array_equal(expected, written):
        raise GraphsDifferError(f"The graphs of the stage {graphs.stage['name']!r} write other tokens than the model.")


def compare_scores(
    graphs: StageGraphs,
    read: Arrays,
    model: MMCoTForConditionalGeneration,
    encoded: MMCoTEncoderOutput,
    targets: torch.Tensor,
    options: list[int],
) -> float:
    """The largest difference between the probabilities of an option."""
    expected = option_scores(model, encoded, targets, options)
    largest = 0.0
    for row, count in enumerate(options):
        repeated = {name: each[[row] * count] for name, each in read.items()}
        logs = graphs.log_probabilities(repeated, targets[:count].numpy())
        scores = np.exp(logs - logs.max())
        largest = max(largest, float(np.abs(scores / scores.sum() - expected[row]).max()))
    return largest
