"""Every word the model reads or writes: prompts, targets, answers, and the tensors made from them."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers import BatchFeature, ProcessorMixin
from transformers.processing_utils import ProcessingKwargs, Unpack

from .chat_mmcot import CHAT_TEMPLATE
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
from .prompt_mmcot import Truncation, check_lengths, cut_target, kept_positions
from .wording_mmcot import Wording


class MMCoTProcessor(ProcessorMixin, Wording):
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
        kept = kept_positions(prompt, row["offset_mapping"], max_length)
        if len(kept) == len(row["input_ids"]):
            return row
        return {name: [values[position] for position in kept] for name, values in row.items()}

    def encode_targets(self, targets: Sequence[str]) -> torch.Tensor:
        """Labels `(batch, target)`; a target that is too long keeps its end-of-sequence token."""
        # Not cut by the tokenizer: it keeps the limit as a state, which threads that encode prompts would share.
        rows = self.tokenizer(list(targets), return_token_type_ids=False, verbose=False)["input_ids"]
        rows = [cut_target(row, self.max_target_length) for row in rows]
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
