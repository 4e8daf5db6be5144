"""The keywords that every processor of transformers takes, and what the tokenizer leaves to do after cutting."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from huggingface_hub.dataclasses import validate_typed_dict
from transformers import PreTrainedTokenizerBase, ProcessorMixin
from transformers.processing_utils import ProcessingKwargs, TextKwargs
from transformers.tokenization_utils_base import TruncationStrategy


TEXT_DEFAULTS = {"padding": True, "truncation": True, "return_tensors": "pt"}
PADDING_KEYWORDS = ("padding", "padding_side", "pad_to_multiple_of")
# Prompts are cut by a rule of our own, which knows of no second text and no second piece.
TOKENIZER_ALONE = (
    *("is_split_into_words", "return_length", "return_mm_token_type_ids", "return_overflowing_tokens", "stride"),
    *("text_pair", "text_pair_target"),
)
# Said by `apply_chat_template`; no text is replaced here.
WITHOUT_EFFECT = "return_text_replacement_offsets"


def sort_keywords(processor: ProcessorMixin, kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """The keywords of a call for text, with the defaults, those for images, and `text_target`.

    Raises:
        TypeError: for a keyword that neither the tokenizer nor the image processor has; the library would ignore it.
        ValueError: for one that is not for prompts.
    """
    check_keywords(kwargs, processor.image_processor.valid_kwargs)
    # The tokenizer's `max_length` is in the processor's own.
    settings = {name: value for name, value in processor.tokenizer.init_kwargs.items() if name != "max_length"}
    kinds: Any = ProcessingKwargs  # the class, although the library's annotation says an object
    merged = processor._merge_kwargs(kinds, settings, **kwargs)
    text_kwargs = {**TEXT_DEFAULTS, **merged["text_kwargs"]}
    targets = text_kwargs.pop("text_target", None)
    schema: Any = TextKwargs
    validate_typed_dict(schema, text_kwargs)
    text_kwargs.pop(WITHOUT_EFFECT, None)
    for name in TOKENIZER_ALONE:
        if text_kwargs.pop(name, None):
            raise ValueError(f"{name} is not for prompts; call `processor.tokenizer` with it.")
    return text_kwargs, merged["images_kwargs"], targets


def check_keywords(kwargs: Mapping[str, Any], image_keywords: type) -> None:
    """Refuses a keyword that nothing takes."""
    known = {*image_keywords.__annotations__, *ProcessingKwargs.__annotations__, "common_kwargs"}
    for group in ProcessingKwargs.__annotations__.values():
        known.update(getattr(group, "__annotations__", ()))
    unknown = sorted(name for name, value in kwargs.items() if name not in known and value is not None)
    if unknown:
        raise TypeError(f"{unknown[0]!r} is a keyword of neither the tokenizer nor the image processor; leave it out.")


def is_truncating(truncation: bool | str | None) -> bool:
    """Whether a call that says this of `truncation` cuts long prompts. All strategies are one for a single text."""
    if isinstance(truncation, str):
        return TruncationStrategy(truncation) is not TruncationStrategy.DO_NOT_TRUNCATE
    return truncation is not False


def check_texts(texts: Sequence[Any]) -> None:
    """Refuses what is no text, which a tokenizer may take for a pair of texts."""
    for text in texts:
        if not isinstance(text, str):
            raise ValueError(f"text holds a {type(text).__name__}; give one string per prompt.")


def check_rescaling(images: Iterable[Any]) -> None:
    """Refuses `do_rescale=False` for fractions: every picture is first read as RGB from 0 to 255."""
    for image in images:
        is_float = isinstance(image, np.ndarray) and image.dtype.kind == "f"
        if (is_float or torch.is_tensor(image) and image.is_floating_point()) and image.max() <= 1:
            raise ValueError("do_rescale is false, but a picture of fractions is read as 0 to 255; leave it out.")


def list_entries(value: Any) -> list[Any]:
    """Many texts or pictures as a list, one alone as a list of one. An array of four dimensions is many pictures."""
    is_many = isinstance(value, Sequence) and not isinstance(value, (str, bytes)) or getattr(value, "ndim", 0) == 4
    return list(value) if is_many else [value]


def pad_rows(
    tokenizer: PreTrainedTokenizerBase, rows: list[dict[str, list]], max_length: int, **paddings
) -> dict[str, list]:
    """Rows of equal length, name by name, `offset_mapping` too, which the tokenizer does not pad."""
    offsets = [row.pop("offset_mapping") for row in rows]
    longest = max(map(len, offsets), default=0)  # some prompts stay longer than they may
    width = max(max_length, longest) if paddings["padding"] == "max_length" else None
    padded = dict(tokenizer.pad(rows, max_length=width, **paddings))
    on_left = (paddings.get("padding_side") or tokenizer.padding_side) == "left"
    padded["offset_mapping"] = []
    for ids, row in zip(padded["input_ids"], offsets, strict=True):
        blank = [(0, 0)] * (len(ids) - len(row))
        padded["offset_mapping"].append(blank + row if on_left else row + blank)
    return padded
