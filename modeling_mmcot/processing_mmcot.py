"""Every word the model reads or writes: prompts, targets, answers, and the tensors made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from transformers import BatchFeature, ProcessorMixin
from transformers.processing_utils import ProcessingKwargs, Unpack

from .answers_mmcot import parse_answer
from .chat_mmcot import CHAT_TEMPLATE
from .configuration_mmcot import BECAUSE, RATIONALE, STAGES, Stage, find_stage
from .free_answers_mmcot import answer_words, read_free_answer
from .images_mmcot import to_rgb
from .keywords_mmcot import (
    PADDING_KEYWORDS,
    check_rescaling,
    check_texts,
    is_truncating,
    list_entries,
    pad_rows,
    sort_keywords,
)
from .prompt_mmcot import (
    NO_CONTEXT,
    STATEMENT,
    Prompt,
    Truncation,
    check_lengths,
    droppable,
    flatten,
    join_parts,
    letter,
)


class MMCoTProcessor(ProcessorMixin):
    """Turns examples into prompts, prompts and pictures into tensors, and generated text into answers.

    An example is a mapping with ScienceQA's columns: `question`, `choices` (list of strings), `answer` (index), and
    optionally `hint` (the context), `caption`, `lecture`, `solution`. `choices` may be missing or empty; `answer` is
    then a text, or `accepted_answers` a list of them.

    Args:
        image_processor: of the vision tower.
        tokenizer: of the language model; it must end a text with its end-of-sequence token, as T5's does.
        newline (`"space"` or `"official"`, defaults to `"space"`): what a line break in a lecture or solution becomes.
            The official code wrote a literal backslash-n, which released weights were trained with.
        lecture (`bool`, defaults to `False`): a rationale is lecture and solution (QCM-LE), not solution only (QCM-E).
        max_length (`int`, *optional*): tokens of a prompt; what the tokenizer says, or 512, where not given.
        max_target_length (`int`, defaults to 512): tokens of a target.
        chat_template (`str`, *optional*): how `apply_chat_template` makes a prompt of a conversation; by default the
            user's first message is the question, and the assistant's first the rationale.
    """

    def __init__(
        self,
        image_processor,
        tokenizer,
        newline: str = "space",
        lecture: bool = False,
        max_length: int | None = None,
        max_target_length: int = 512,
        chat_template: str | None = None,
        **kwargs,
    ):
        if newline not in ("space", "official"):
            raise ValueError(f"newline is {newline!r}; use 'space' or 'official'.")
        super().__init__(image_processor, tokenizer, chat_template=chat_template or CHAT_TEMPLATE, **kwargs)
        self.newline = newline
        self.lecture = lecture
        self.max_length = max_length or tokenizer.init_kwargs.get("max_length") or 512
        self.max_target_length = max_target_length
        self.truncation = Truncation()
        # A tokenizer may have been saved with a limit in its state; the first call without one takes it away.
        self.tokenizer("")

    def build_prompt(
        self, example: Mapping[str, Any], stage: str, rationale: str | None = None, **written: str
    ) -> Prompt:
        """The text the model reads.

        Args:
            example: the problem.
            stage: one of `rationale`, `answer`, `direct`, `rationale_answer`, `answer_rationale`.
            rationale: for a stage that reads it, what stage 1 wrote; the example's own rationale where not given.
            written: the same of other stages, each under its name.

        Raises:
            ValueError: for an unknown stage.
        """
        asked, read = find_stage(stage), {find_stage(name).name: text for name, text in written.items()}
        read |= {} if rationale is None else {RATIONALE: rationale}
        context = " ".join(filter(None, [example.get("hint"), example.get("caption")]))
        options = [f"({letter(i)}) {text}" for i, text in enumerate(example.get("choices") or ())]
        parts = [
            ("question", f"Question: {example['question']}"),
            ("", "Context:"),
            ("context", context.strip() or NO_CONTEXT),
            ("options", " ".join(["Options:", *options]) if options else ""),
        ]
        for earlier in asked.reads:
            text = read[earlier] if earlier in read else self._fill_target(example, STAGES[earlier])
            parts += [("", STAGES[earlier].cue), (earlier, self.parse_rationale(text))]
        return join_parts([*parts, ("", asked.cue)])

    def build_target(self, example: Mapping[str, Any], stage: str) -> str:
        """The text the model is to write; see [`~MMCoTProcessor.build_prompt`] for the arguments."""
        asked = find_stage(stage)
        if asked.writes_answer or not self.lecture:
            return self._fill_target(example, asked)
        # The official lecture format closes with a full stop of its own, even after an empty solution.
        return self._fill_target(example, asked, stop="." if example.get("solution") else " .")

    def _fill_target(self, example: Mapping[str, Any], stage: Stage, stop: str = "") -> str:
        rationale = self.gold_rationale(example) + stop
        answer = f"{STATEMENT} {answer_words(example)}." if stage.writes_answer else ""
        return flatten(stage.target.format(rationale=rationale, answer=answer))

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
        return flatten(text).removeprefix(STAGES[RATIONALE].cue).strip()

    def split_output(self, text: str, stage: str) -> tuple[str | None, str]:
        """What a stage wrote, as its rationale (`None` where the stage writes none) and the text of its answer."""
        asked = find_stage(stage)
        if asked.only_answers:
            return None, text
        rationale, answer = text, ""
        if BECAUSE in asked.target:
            answer, _, rationale = text.partition(BECAUSE)
        elif asked.writes_answer:
            rationale, statement, rest = text.rpartition(STATEMENT)
            answer = statement + rest
        return self.parse_rationale(rationale), answer.strip()

    @staticmethod
    def parse_answer(text: str, choices: Sequence[str]) -> int | None:
        """Index of the option a generated text names, or `None` where it names none or several.

        A letter counts first (`The answer is (B).`, `B`, or the only `(B)` in the text), then an option's own words.
        """
        return parse_answer(text, choices)

    @staticmethod
    def parse_free_answer(text: str) -> str | None:
        """The answer to a question without options in a generated text, in words (`The answer is 42.`, or `42`).

        `None` where there is none, or several, and where it is the letter of an option.
        """
        return read_free_answer(text)

    def __call__(
        self, images: Any = None, text: str | Sequence[str] | None = None, **kwargs: Unpack[ProcessingKwargs]
    ) -> BatchFeature:
        """Tensors for the model.

        Args:
            images: one entry per text: a picture (anything that [`to_rgb`] reads), a list of pictures, or `None`.
            text: prompts, `(batch,)`. A [`Prompt`] that is too long loses its context and then the beginning of its
                rationale; any other string its middle.
            kwargs: what every processor of transformers takes, plainly or within `text_kwargs` and `images_kwargs`:
                `text_target`, the targets, `(batch,)`; `padding`, by default to the longest row; `truncation`, as said
                above unless it is false; `max_length`, instead of the processor's own; `return_tensors`, by default
                `"pt"`, or `"np"`, or `None` for lists; settings of the tokenizer and of the image processor.

        Returns:
            `input_ids` and `attention_mask (batch, text)`; with pictures `pixel_values (batch, 3, height, width)`, or
            `(batch, images, 3, height, width)` where a row has several, and `image_attention_mask (batch, images)`,
            for pictures of several sizes see [`encode_images`]; with targets `labels (batch, target)`, -100 where
            padded.

        Raises:
            TypeError: for a keyword that neither the tokenizer nor the image processor has.
            ValueError: for what does not fit; the message says what to give.
        """
        text_kwargs, images_kwargs, targets = sort_keywords(self, kwargs)
        return_tensors = text_kwargs.pop("return_tensors")
        texts, images, targets = (None if value is None else list_entries(value) for value in (text, images, targets))
        if images is None and texts is None and targets is None:
            raise ValueError("Nothing to encode; give text, images or text_target.")
        batch: dict[str, Any] = {}
        if texts is not None:
            check_texts(texts)
            for name, entries in (("images", images), ("text_target", targets)):
                if entries is not None and len(entries) != len(texts):
                    raise ValueError(
                        f"{len(entries)} entries in {name} for {len(texts)} texts; give one per text, or None."
                    )
            batch.update(self._encode_and_pad(texts, **text_kwargs))
        if images is not None:
            batch.update(self.encode_images(images, **images_kwargs))
        if targets is not None:
            batch["labels"] = self.encode_targets(targets)
        if return_tensors is None:
            batch = {name: list(value.numpy()) if torch.is_tensor(value) else value for name, value in batch.items()}
        return BatchFeature(batch, tensor_type=return_tensors)

    def _encode_and_pad(
        self, prompts: Sequence[str], truncation: bool | str | None, max_length: int | None = None, **options
    ) -> dict[str, list]:
        """What the tokenizer gives for prompts, cut and padded, as lists."""
        max_length = max_length or self.max_length
        paddings = {name: options.pop(name) for name in PADDING_KEYWORDS if name in options}
        wanted = options.pop("return_offsets_mapping", None)
        rows = self._encode(prompts, max_length if is_truncating(truncation) else None, **options)
        paddings["return_attention_mask"] = options.get("return_attention_mask")
        columns = pad_rows(self.tokenizer, rows, max_length, **paddings)
        if not wanted:
            del columns["offset_mapping"]
        return columns

    def encode_prompts(self, prompts: Sequence[str]) -> list[list[int]]:
        """Token ids of prompts, at most `max_length` of each where the truncation rule allows it.

        Raises:
            ValueError: for a prompt that stays so long that attention to it might not fit into memory.
        """
        return [row["input_ids"] for row in self._encode(prompts, self.max_length)]

    def _encode(self, prompts: Sequence[str], max_length: int | None, **options) -> list[dict[str, list]]:
        """What the tokenizer gives for each prompt, without the tokens that must go for it to have `max_length`."""
        options = {"return_token_type_ids": False, "verbose": False, **options, "return_offsets_mapping": True}
        encoded = self.tokenizer(list(prompts), **options)
        rows = [dict(zip(encoded, row, strict=True)) for row in zip(*encoded.values(), strict=True)]
        if max_length is None:
            return rows
        shortened = [self._cut(prompt, row, max_length) for prompt, row in zip(prompts, rows, strict=True)]
        lengths = [len(row["input_ids"]) for row in shortened]
        self.truncation.count([len(row["input_ids"]) for row in rows], lengths, max_length)
        check_lengths(prompts, lengths, max_length)
        return shortened

    def _cut(self, prompt: str, row: dict[str, list], max_length: int) -> dict[str, list]:
        surplus = len(row["input_ids"]) - max_length
        if surplus <= 0:
            return row
        dropped = set(droppable(prompt, row["offset_mapping"])[:surplus])
        return {
            name: [value for position, value in enumerate(values) if position not in dropped]
            for name, values in row.items()
        }

    def encode_targets(self, targets: Sequence[str]) -> torch.Tensor:
        """Labels `(batch, target)`; a target that is too long keeps its end-of-sequence token."""
        # Not cut by the tokenizer: it keeps the limit as a state, which threads that encode prompts would share.
        rows = self.tokenizer(list(targets), return_token_type_ids=False, verbose=False)["input_ids"]
        longest = self.max_target_length
        rows = [row if len(row) <= longest else [*row[: longest - 1], row[-1]] for row in rows]
        width = max(map(len, rows))
        return torch.tensor([row + [-100] * (width - len(row)) for row in rows])

    def encode_images(self, images: Sequence[Any], **options) -> dict[str, torch.Tensor]:
        """`pixel_values` and `image_attention_mask` of one entry per question; empty where no question has any.

        `options` are settings of the image processor.

        Some image processors keep proportions and pad to the largest picture. Then `image_sizes (batch, images, 2)`
        has the height and width of each, 0 where there is none, so that no picture is read with the padding.
        """
        rows = [[image for image in list_entries(entry) if image is not None] for entry in images]
        if options.get("do_rescale") is False:
            check_rescaling(image for row in rows for image in row)
        rows = [[to_rgb(image) for image in row] for row in rows]
        pictures = [picture for row in rows for picture in row]
        if not pictures:
            return {}
        # Pictures are PIL's by now, whatever layout they had.
        options = {**options, "return_tensors": "pt", "input_data_format": None}
        prepared = self.image_processor(pictures, **options)
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
        names = ["input_ids", "attention_mask", "pixel_values", "image_attention_mask"]
        # Of an image processor that pads.
        return [*names, "image_sizes"] if "pixel_mask" in self.image_processor.model_input_names else names


MMCoTProcessor.register_for_auto_class("AutoProcessor")

__all__ = ["MMCoTProcessor"]
