"""The texts of a data set as `speed.py` needs them: tokens of prompts and targets, and training batches."""

from collections.abc import Sequence
from dataclasses import dataclass

import datasets
import torch
from speed_engines import PADDED
from transformers import AutoTokenizer, ViTImageProcessorPil

from mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from mmcot.configuration import DataArguments
from mmcot.data import load_splits
from mmcot.data.image_column import without_images
from mmcot.engine.drafts import Drafts
from mmcot.inference.fast_matmul import fast_matmul
from mmcot.modeling_mmcot.stage_records_mmcot import STAGES


BATCH = 4
STEPS = 4
LEARNED = 600  # rationales that guesses are made from
Pair = tuple[list[int], list[int]]


@dataclass
class Texts:
    """Tokens of prompts and targets: of the test split by stage, and of rationales to learn from."""

    test: dict[str, list[Pair]]
    train: list[Pair]
    drafts: Drafts


def read_texts(dataset: str, images: str | None, tokenizer: str, limit: int) -> Texts:
    """Reads a data set.

    Args:
        dataset: a folder, a file or a Hub id.
        images: folder that the paths of its pictures start from.
        tokenizer: a folder or a Hub id.
        limit: rows of the test split.
    """
    processor = MMCoTProcessor(ViTImageProcessorPil(), AutoTokenizer.from_pretrained(tokenizer))
    splits = load_splits(dataset, DataArguments(images=images))
    rows = first_rows(splits["test"], limit)
    test = {stage: encode(processor, rows, stage) for stage in ("rationale", "answer")}
    train = encode(processor, first_rows(splits["train"], LEARNED), "rationale")
    return Texts(test, train, Drafts([0, *target] for _, target in train))


def first_rows(split: datasets.Dataset, limit: int) -> list[dict]:
    """Rows of a split, without their pictures."""
    return list(without_images(split).select(range(min(limit, len(split)))))


def encode(processor: MMCoTProcessor, rows: Sequence[dict], stage: str) -> list[Pair]:
    """Prompts and targets of a stage; the answer stage reads the right rationale."""
    gold = {earlier: [processor.gold_rationale(row) for row in rows] for earlier in STAGES[stage].reads}
    prompts = [
        processor.build_prompt(row, stage, **{earlier: texts[place] for earlier, texts in gold.items()})
        for place, row in enumerate(rows)
    ]
    targets = processor.encode_targets([processor.build_target(row, stage) for row in rows])
    return [
        (list(prompt), [token for token in target.tolist() if token >= 0])
        for prompt, target in zip(processor.encode_prompts(prompts), targets, strict=True)
    ]


class TrainingSteps:
    """A few training steps: padded to 512 tokens on both sides as the official code does, and as mmcot does.

    Args:
        model: with its weights; no step is taken, only gradients are computed.
        texts: their rows in order, batch by batch.
        patches: of a picture.
    """

    def __init__(self, model: MMCoTForConditionalGeneration, texts: Texts, patches: int):
        self.model = model
        self.patches = patches
        every = max(1, len(texts.train) // (BATCH * STEPS))
        rows = texts.train[::every][: BATCH * STEPS]
        self.batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]

    def padded(self) -> None:
        """Every text as long as the longest that may be, its padding learned."""
        for rows in self.batches:
            self._step(rows, PADDED, PADDED, 0)

    def mmcot(self) -> None:
        """Every batch as long as its longest text."""
        with fast_matmul(self.model.device):
            for rows in self.batches:
                self._step(rows, max(len(prompt) for prompt, _ in rows), max(len(target) for _, target in rows), -100)

    def _step(self, rows: Sequence[Pair], prompt: int, target: int, ignored: int) -> None:
        ids, labels = torch.zeros(len(rows), prompt, dtype=torch.long), torch.full((len(rows), target), ignored)
        for row, (read, written) in enumerate(rows):
            ids[row, : len(read)], labels[row, : len(written)] = torch.tensor(read), torch.tensor(written)
        features = torch.randn(len(rows), self.patches, self.model.config.image_feature_size)
        with torch.enable_grad():
            output = self.model(
                input_ids=ids, attention_mask=(ids != 0).long(), labels=labels, image_features=features
            )
            output.loss.backward()
        self.model.zero_grad()
