"""Whether an ONNX export writes what its model writes: tokens, scores of the options, probabilities of rationales.

    python benchmarks/exactness.py runs/quickstart runs/quickstart/onnx --problems 2000

Every problem is asked with and without its picture, alone and in batches.
"""

import argparse
import copy
from collections.abc import Iterable, Sequence
from typing import Any

import torch

from mmcot import MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
from mmcot.data.sketchqa import SketchQAOptions, generate
from mmcot.engine import OnnxPipeline
from mmcot.modeling_mmcot.generation_mmcot import option_scores, text_log_probabilities
from mmcot.modeling_mmcot.outcome_mmcot import read_for_stages
from mmcot.modeling_mmcot.stage_records_mmcot import ANSWER, RATIONALE


BATCH = 32  # of torch
BATCHES = (1, 8, 32)  # of the engine


class TokenText(str):
    """A text that remembers its tokens."""

    tokens: list[int] = []


@torch.inference_mode()
def write_with_torch(
    pipe: MMCoTPipeline, stage: str, examples: Sequence[dict[str, Any]], rationales: Sequence[str | None]
) -> tuple[list[list[int]], list[Any]]:
    """Tokens of a stage's texts by `generate()`, and the scores of the options or the probability of each text."""
    model, processor = pipe.stages[stage], pipe.processor
    tokens: list[list[int]] = []
    sure: list[Any] = []
    for start in range(0, len(examples), BATCH):
        part = examples[start : start + BATCH]
        prompts = [
            processor.build_prompt(example, stage, rationale)
            for example, rationale in zip(part, rationales[start : start + BATCH], strict=True)
        ]
        images = [example["image"] for example in part] if pipe.stages.reads_pictures(stage) else None
        inputs = processor(images=images, text=prompts)
        read = model.get_encoder()(**inputs)
        text = {name: inputs[name] for name in ("input_ids", "attention_mask")}
        ids = model.generate(**text, encoder_outputs=copy.copy(read))
        for row in ids[:, 1:].tolist():
            end = model.config.eos_token_id
            tokens.append(row[: row.index(end) + 1] if end in row else row)
        if stage == ANSWER:
            counts = [len(example["choices"]) for example in part]
            targets = processor.encode_targets(processor.option_targets(max(counts), stage))
            sure += option_scores(model, read, targets, counts)
        else:
            sure += text_log_probabilities(model, read, ids)
    return tokens, sure


def write_with_engine(
    engine: OnnxPipeline, examples: Iterable[dict[str, Any]], batch_size: int
) -> list[dict[str, Any]]:
    """What the engine writes, by stage."""
    settings = engine.flow.settle_all(dict.fromkeys(engine.stages, {}))
    return [written[0] for _, written in engine.flow.run(examples, settings, batch_size=batch_size)]


def remember_tokens(engine: OnnxPipeline) -> None:
    """Lets the texts of an engine remember their tokens."""
    decode = engine.words.decode

    def decode_and_remember(ids: Sequence[int]) -> str:
        text = TokenText(decode(ids))
        text.tokens = list(ids)
        return text

    engine.words.decode = decode_and_remember  # type: ignore[method-assign]


def compare(pipe: MMCoTPipeline, engine: OnnxPipeline, examples: Sequence[dict[str, Any]], name: str) -> None:
    """Prints how many texts are the same, and how far numbers lie apart."""
    rationales, logs = write_with_torch(pipe, RATIONALE, examples, [None] * len(examples))
    texts = pipe.processor.batch_decode(rationales, skip_special_tokens=True)
    answers, scores = write_with_torch(pipe, ANSWER, examples, texts)
    for batch_size in BATCHES:
        written = write_with_engine(engine, examples, batch_size)
        same = {
            stage: sum(each[stage].text.tokens == tokens for each, tokens in zip(written, expected, strict=True))
            for stage, expected in ((RATIONALE, rationales), (ANSWER, answers))
        }
        apart = max(
            abs(one - other)
            for each, row in zip(written, scores, strict=True)
            for one, other in zip(each[ANSWER].scores, row, strict=True)
        )
        farther = max(abs(each[RATIONALE].log_probability - log) for each, log in zip(written, logs, strict=True))
        print(
            f"{name}, {batch_size} at once: {same[RATIONALE]} rationales and {same[ANSWER]} answers of "
            f"{len(examples)} the same; scores within {apart:.1e}, log-probabilities within {farther:.1e}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="trained folder with two stages")
    parser.add_argument("export", help="its export")
    parser.add_argument("--problems", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=77)
    options = parser.parse_args()
    model = MMCoTForConditionalGeneration.from_pretrained(options.model)
    pipe = MMCoTPipeline(model=model, processor=MMCoTProcessor.from_pretrained(options.model))
    engine = OnnxPipeline(options.export)
    remember_tokens(engine)
    problems = list(generate("test", SketchQAOptions(test=options.problems, seed=options.seed)))
    for name, is_shown in (("with pictures", True), ("without", False)):
        rows = [
            {"question": row["question"], "choices": row["choices"], "context": row["hint"] or None}
            | ({"image": row["image"]} if is_shown else {})
            for row in problems
        ]
        compare(pipe, engine, [read_for_stages(row, engine.stages) for row in rows], name)


if __name__ == "__main__":
    main()
