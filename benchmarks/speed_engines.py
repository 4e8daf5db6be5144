"""The engines that `speed.py` compares, each with one call: so many tokens after each prompt."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList

from mmcot import MMCoTForConditionalGeneration
from mmcot.conversion.onnx_files import GraphFolder
from mmcot.conversion.onnx_settings import ENCODER, STEP
from mmcot.conversion.onnx_trace import trace_encoder, trace_step
from mmcot.engine.drafts import Drafts
from mmcot.engine.folder import ExportedStage
from mmcot.engine.graphs import GraphFiles, StageReader
from mmcot.engine.texts import GrowingText
from mmcot.engine.writer import Request, Writer
from mmcot.engine.writing_settings import WritingSettings
from mmcot.modeling_mmcot.prompt_mmcot import batches_to_read


PADDED = 512
PADDING, START, END = 0, 0, 1


@dataclass
class Question:
    """Tokens of a prompt, features of its picture, and how many tokens to write, or which."""

    prompt: list[int]
    features: np.ndarray
    tokens: int
    forced: Sequence[int] | None = None


class Forcing(LogitsProcessor):
    """Lets `generate()` write certain tokens to the end of a question that is alone in its batch."""

    def __init__(self, forced: Sequence[int]):
        self.forced = forced

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        scores[:, self.forced[input_ids.shape[1] - 1]] = torch.inf
        return scores


class Torch:
    """`generate()`; padded and without cache it stands in for the official code.

    Args:
        model: with its weights.
        official: pad prompts to 512 tokens, and compute every token anew for each next one.
    """

    def __init__(self, model: MMCoTForConditionalGeneration, official: bool = False):
        self.model = model
        self.official = official

    @torch.inference_mode()
    def write(self, questions: Sequence[Question]) -> list[list[int]]:
        """A batch; all write as many tokens as the one that writes most."""
        width = PADDED if self.official else max(len(question.prompt) for question in questions)
        ids = torch.full((len(questions), width), PADDING)
        mask = torch.zeros_like(ids)
        for row, question in enumerate(questions):
            ids[row, : len(question.prompt)] = torch.tensor(question.prompt)
            mask[row, : len(question.prompt)] = 1
        features = torch.from_numpy(np.stack([question.features for question in questions]))
        longest = max(question.tokens for question in questions)
        lengths = {"min_new_tokens": longest, "max_new_tokens": longest, "use_cache": not self.official}
        forcing = LogitsProcessorList([Forcing(each.forced) for each in questions if each.forced])
        made = self.model.generate(
            input_ids=ids, attention_mask=mask, image_features=features, logits_processor=forcing, **lengths
        )
        return [row[1 : 1 + question.tokens].tolist() for row, question in zip(made, questions, strict=True)]


class ForcedWriter(Writer):
    """Writes what each question says, as if the model had chosen it."""

    questions: Sequence[Question]

    def _begin(self, request: Request, seat: int | None = None) -> None:
        super()._begin(request, seat)
        place = len(self.texts) - 1 if seat is None else seat
        tokens = self.questions[request.key].tokens
        self.texts[place].settings = replace(self.settings, max_new_tokens=tokens, min_new_tokens=tokens)

    def _guess(self, text: GrowingText) -> list[int]:
        return self.drafts.guess(text.ids, text.settings.max_new_tokens - len(text.ids)) if self.drafts else []

    def _choose(self, text: GrowingText, logits: np.ndarray, best: int) -> int:
        forced = self.questions[text.key].forced
        return super()._choose(text, logits, best) if forced is None else forced[len(text.ids) - 1]


class Onnx:
    """The graphs of a model in onnxruntime.

    Args:
        model: with its weights.
        folder: empty, for the graphs.
        threads: that work on a graph.
    """

    def __init__(self, model: MMCoTForConditionalGeneration, folder: Path, threads: int):
        implementation = model.config._attn_implementation
        model.set_attn_implementation("eager")  # the others trace into sizes that are fixed
        files = GraphFolder(folder)
        files.add(ENCODER, trace_encoder(model, model.config.image_feature_size))
        files.add(STEP, trace_step(model))
        model.set_attn_implementation(implementation)
        text = model.config.text_config
        graphs = {"vision": None, "encoder": folder / ENCODER, "step": folder / STEP}
        sizes = (text.num_decoder_layers, text.num_heads, text.d_kv, text.vocab_size)
        self.stage = ExportedStage("rationale", graphs, *sizes, START, (END,), PADDING, {})
        self.files = GraphFiles(threads)
        self.reader = StageReader(self.stage, self.files, model.config.image_feature_size)

    def write(self, questions: Sequence[Question], seats: int | None = None, drafts: Drafts | None = None):
        """Any number of questions, so many at once: where one is finished, the next begins."""
        seats = seats or len(questions)
        writer = ForcedWriter(self.stage, self.files, WritingSettings(1), seats, drafts)
        writer.questions = questions
        texts: list[list[int]] = [[] for _ in questions]
        for finished in writer.write(self._requests(questions, seats)):
            for text in finished:
                texts[text.key] = text.ids[1:]
        return texts

    def _requests(self, questions: Sequence[Question], seats: int) -> Iterator[Request]:
        """The prompts, read as the engine reads them, the longest first."""
        order = longest_first(questions)
        for together in batches_to_read([len(questions[place].prompt) for place in order], seats):
            places = order[together]
            batch = [questions[place] for place in places]
            read = self.reader.read([each.prompt for each in batch], [[each.features] for each in batch])
            yield from (Request(place, prompt) for place, prompt in zip(places, read, strict=True))


def in_batches(engine: Torch, questions: Sequence[Question], size: int) -> list[list[int]]:
    """All questions, those with prompts of like length together."""
    order = longest_first(questions)
    made: dict[int, list[int]] = {}
    for start in range(0, len(order), size):
        places = order[start : start + size]
        made.update(zip(places, engine.write([questions[place] for place in places]), strict=True))
    return [made[place] for place in range(len(questions))]


def longest_first(questions: Sequence[Question]) -> list[int]:
    """Places of questions by the length of their prompts."""
    return sorted(range(len(questions)), key=lambda place: -len(questions[place].prompt))
