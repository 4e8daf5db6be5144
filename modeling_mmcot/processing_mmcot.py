"""Every word the model reads or writes: prompts, targets, answers, and the tensors made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import BatchFeature, ProcessorMixin

from .answers_mmcot import parse_answer
from .configuration_mmcot import ANSWER, ANSWER_RATIONALE, DIRECT, RATIONALE, RATIONALE_ANSWER, STAGES
from .images_mmcot import to_rgb
from .prompt_mmcot import (
    ANSWER_CUE,
    BECAUSE,
    NO_CONTEXT,
    RATIONALE_CUE,
    STATEMENT,
    Prompt,
    Truncation,
    droppable,
    flatten,
    join_parts,
    letter,
)


class MMCoTProcessor(ProcessorMixin):
    """Turns examples into prompts, prompts and pictures into tensors, and generated text into answers.

    An example is a mapping with ScienceQA's columns: `question`, `choices` (list of strings), `answer` (index), and
    optionally `hint` (the context), `caption`, `lecture`, `solution`.

    Args:
        image_processor: of the vision tower.
        tokenizer: of the language model; it must end a text with its end-of-sequence token, as T5's does.
        newline (`"space"` or `"official"`, defaults to `"space"`): what a line break in a lecture or solution becomes.
            The official code wrote a literal backslash-n, which released weights were trained with.
        lecture (`bool`, defaults to `False`): a rationale is lecture and solution (QCM-LE), not solution only (QCM-E).
        max_length (`int`, defaults to 512): tokens of a prompt.
        max_target_length (`int`, defaults to 512): tokens of a target.
    """

    def __init__(
        self,
        image_processor,
        tokenizer,
        newline: str = "space",
        lecture: bool = False,
        max_length: int = 512,
        max_target_length: int = 512,
        **kwargs,
    ):
        if newline not in ("space", "official"):
            raise ValueError(f"newline is {newline!r}; use 'space' or 'official'.")
        super().__init__(image_processor, tokenizer, **kwargs)
        self.newline = newline
        self.lecture = lecture
        self.max_length = max_length
        self.max_target_length = max_target_length
        self.truncation = Truncation()

    def build_prompt(self, example: Mapping[str, Any], stage: str, rationale: str | None = None) -> Prompt:
        """The text the model reads.

        Args:
            example: the problem.
            stage: one of `rationale`, `answer`, `direct`, `rationale_answer`, `answer_rationale`.
            rationale: for `answer`, what stage 1 wrote; the example's own rationale where not given.

        Raises:
            ValueError: for an unknown stage.
        """
        self._check_stage(stage)
        context = " ".join(filter(None, [example.get("hint"), example.get("caption")]))
        parts = [
            ("question", f"Question: {example['question']}"),
            ("", "Context:"),
            ("context", context.strip() or NO_CONTEXT),
            ("options", "Options: " + " ".join(f"({letter(i)}) {text}" for i, text in enumerate(example["choices"]))),
        ]
        if stage == ANSWER:
            text = self.gold_rationale(example) if rationale is None else self.parse_rationale(rationale)
            parts += [("", RATIONALE_CUE), ("rationale", text)]
        parts.append(("", ANSWER_CUE if stage in (ANSWER, DIRECT) else RATIONALE_CUE))
        return join_parts(parts)

    def build_target(self, example: Mapping[str, Any], stage: str) -> str:
        """The text the model is to write; see [`~MMCoTProcessor.build_prompt`] for the arguments."""
        self._check_stage(stage)
        rationale = self.gold_rationale(example)
        if stage == RATIONALE:
            # The official lecture format closes with a full stop of its own, even after an empty solution.
            stop = "" if not self.lecture else "." if example.get("solution") else " ."
            return flatten(f"{RATIONALE_CUE} {rationale}{stop}")
        answer = f"{STATEMENT} ({letter(example['answer'])})."
        if stage == RATIONALE_ANSWER:
            return flatten(f"{rationale} {answer}")
        if stage == ANSWER_RATIONALE:
            return flatten(f"{answer} {BECAUSE} {rationale}")
        return answer

    def option_targets(self, options: int, stage: str) -> list[str]:
        """What a stage that only answers would write for each of so many options."""
        return [self.build_target({"answer": index}, stage) for index in range(options)]

    def gold_rationale(self, example: Mapping[str, Any]) -> str:
        """The example's own rationale: its solution, after its lecture if the processor says so."""
        texts = [example.get("lecture") if self.lecture else None, example.get("solution")]
        rationale = " ".join(filter(None, texts))
        return flatten(rationale.replace("\n", "\\n") if self.newline == "official" else rationale)

    def parse_rationale(self, text: str) -> str:
        """A generated rationale without the cue it starts with."""
        return flatten(text).removeprefix(RATIONALE_CUE).strip()

    def split_output(self, text: str, stage: str) -> tuple[str | None, str]:
        """What a stage wrote, as its rationale (`None` where the stage writes none) and the text of its answer."""
        self._check_stage(stage)
        if stage in (ANSWER, DIRECT):
            return None, text
        rationale, answer = text, ""
        if stage == RATIONALE_ANSWER:
            rationale, cue, rest = text.rpartition(STATEMENT)
            answer = cue + rest
        elif stage == ANSWER_RATIONALE:
            answer, _, rationale = text.partition(BECAUSE)
        return self.parse_rationale(rationale), answer.strip()

    @staticmethod
    def parse_answer(text: str, choices: Sequence[str]) -> int | None:
        """Index of the option a generated text names, or `None` where it names none or several.

        A letter counts first (`The answer is (B).`, `B`, or the only `(B)` in the text), then an option's own words.
        """
        return parse_answer(text, choices)

    def __call__(
        self,
        images: Any = None,
        text: str | Sequence[str] | None = None,
        text_target: str | Sequence[str] | None = None,
        padding: bool | str = True,
        return_tensors: str = "pt",
    ) -> BatchFeature:
        """Tensors for the model.

        Args:
            images: one entry per text: a picture (path, URL or PIL image), a list of pictures, or `None`.
            text: prompts, `(batch,)`. A [`Prompt`] that is too long loses its context and then the beginning of its
                rationale; any other string its middle.
            text_target: targets, `(batch,)`.
            padding: as in tokenizers; the longest row by default.
            return_tensors: only `"pt"`.

        Returns:
            `input_ids` and `attention_mask (batch, text)`; with pictures `pixel_values (batch, 3, height, width)`, or
            `(batch, images, 3, height, width)` where a row has several, and `image_attention_mask (batch, images)`,
            for pictures of several sizes see [`encode_images`]; with targets `labels (batch, target)`, -100 where
            padded.
        """
        if return_tensors != "pt":
            raise ValueError(f"return_tensors is {return_tensors!r}; MMCoTProcessor makes PyTorch tensors, 'pt'.")
        batch = {}
        if images is not None and not isinstance(images, (list, tuple)):
            images = [images]
        if isinstance(text_target, str):
            text_target = [text_target]
        if text is not None:
            prompts = [text] if isinstance(text, str) else text
            rows = [{"input_ids": ids} for ids in self.encode_prompts(prompts)]
            width = self.max_length if padding == "max_length" else None
            padded = self.tokenizer.pad(rows, padding=padding, max_length=width, return_tensors="pt")
            batch.update(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"])
            for name, entries in (("images", images), ("text_target", text_target)):
                if entries is not None and len(entries) != len(prompts):
                    raise ValueError(
                        f"{len(entries)} entries in {name} for {len(prompts)} texts; give one per text, or None."
                    )
        if images is not None:
            batch.update(self.encode_images(images))
        if text_target is not None:
            batch["labels"] = self.encode_targets(text_target)
        return BatchFeature(batch)

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, at most `max_length` of each where the truncation rule allows it."""
        encoded = self.tokenizer(
            list(prompts), return_offsets_mapping=True, return_token_type_ids=False, verbose=False
        )
        return [
            self._cut(prompt, ids, offsets)
            for prompt, ids, offsets in zip(prompts, encoded["input_ids"], encoded["offset_mapping"], strict=True)
        ]

    def _cut(self, prompt: str, ids: list[int], offsets: list[tuple[int, int]]) -> list[int]:
        self.truncation.prompts += 1
        surplus = len(ids) - self.max_length
        if surplus <= 0:
            return ids
        dropped = set(droppable(prompt, offsets)[:surplus])
        self.truncation.cut += 1
        self.truncation.tokens += len(dropped)
        self.truncation.too_long += len(dropped) < surplus
        return [token for position, token in enumerate(ids) if position not in dropped]

    def encode_targets(self, targets: Sequence[str]) -> torch.LongTensor:
        """Labels `(batch, target)`; a target that is too long keeps its end-of-sequence token."""
        rows = self.tokenizer(
            list(targets), truncation=True, max_length=self.max_target_length, return_token_type_ids=False
        )["input_ids"]
        width = max(map(len, rows))
        return torch.tensor([row + [-100] * (width - len(row)) for row in rows])

    def encode_images(self, images: Sequence[Any]) -> dict[str, torch.Tensor]:
        """`pixel_values` and `image_attention_mask` of one entry per question; empty where no question has any.

        Some image processors keep proportions and pad to the largest picture. Then `image_sizes (batch, images, 2)`
        has the height and width of each, 0 where there is none, so that no picture is read with the padding.
        """
        rows = [list(entry) if isinstance(entry, (list, tuple)) else [entry] for entry in images]
        rows = [[to_rgb(picture) for picture in row if picture is not None] for row in rows]
        pictures = [picture for row in rows for picture in row]
        if not pictures:
            return {}
        prepared = self.image_processor(pictures, return_tensors="pt")
        pixels = prepared["pixel_values"]  # (pictures, 3, height, width)
        width = max(map(len, rows))
        mask = torch.tensor([[position < len(row) for position in range(width)] for row in rows])
        pixel_values = pixels.new_zeros(len(rows), width, *pixels.shape[1:])
        pixel_values[mask] = pixels
        encoded = {
            "pixel_values": pixel_values[:, 0] if width == 1 else pixel_values,
            "image_attention_mask": mask.long(),
        }
        there = prepared.get("pixel_mask")  # (pictures, height, width)
        if there is not None and not there.all():
            encoded["image_sizes"] = torch.zeros(len(rows), width, 2, dtype=torch.long)
            encoded["image_sizes"][mask] = torch.stack([there[:, :, 0].sum(1), there[:, 0].sum(1)], 1)
        return encoded

    @property
    def model_input_names(self) -> list[str]:
        """The names of what a call returns, which the model's `forward` takes."""
        return ["input_ids", "attention_mask", "pixel_values", "image_attention_mask", "image_sizes"]

    def _check_stage(self, stage: str) -> None:
        if stage not in STAGES:
            raise ValueError(f"stage is {stage!r}; use one of {', '.join(STAGES)}.")


MMCoTProcessor.register_for_auto_class("AutoProcessor")

__all__ = ["MMCoTProcessor"]
