"""What users may say to `generate()`, checked: the library leaves most of it unchecked, and trips over it later."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from typing import Any

from transformers import GenerationConfig, GenerationMixin, PreTrainedModel
from transformers.generation.configuration_utils import BaseWatermarkingConfig

from .allowed_mmcot import PHRASES, PLAIN_KINDS, TOKEN, TOKENS, Allowed, check_kinds
from .images_mmcot import show


# What users may say to `generate`: all but the inputs, which are the questions.
GENERATE_KEYWORDS = sorted(
    {name for name in vars(GenerationConfig()) if not name.startswith("_")}
    | inspect.signature(GenerationMixin.generate).parameters.keys() - {"self", "inputs", "kwargs"}
    | {"assistant_tokenizer"}
)
# Settings that make `generate` return something else than one text for each question.
MORE_THAN_TEXTS = (
    *("num_return_sequences", "return_dict_in_generate"),
    *("output_scores", "output_logits", "output_attentions", "output_hidden_states"),
)
# Kinds of settings whose values are objects of the library.
KINDS: dict[str, Allowed] = {
    **PLAIN_KINDS,
    "generation_config": Allowed("a GenerationConfig", lambda value: isinstance(value, GenerationConfig)),
    "assistant_model": Allowed("a model", lambda value: isinstance(value, PreTrainedModel)),
    "watermarking_config": Allowed("a WatermarkingConfig", lambda value: isinstance(value, BaseWatermarkingConfig)),
}


def check_settings(settings: Mapping[str, Any], model: PreTrainedModel) -> None:
    """Refuses settings of `generate()` that are of the wrong kind, and those that give more than one text.

    Args:
        settings: what the caller says.
        model: what generates; it may have settings of its own.

    Raises:
        ValueError: names the setting and what to give.
    """
    check_kinds(settings, KINDS)
    config = settings.get("generation_config")
    of_config = {} if config is None else vars(config)
    check_kinds(of_config, KINDS)
    for given in (settings, of_config):
        check_tokens(given, model)
    for name in MORE_THAN_TEXTS:
        value = settings.get(name, getattr(config or model.generation_config, name))
        if value is not None and value != (1 if name == "num_return_sequences" else False):
            raise ValueError(
                f"{name} is {show(value)}, but each question gets one text; leave it out, or call generate() of the "
                "model."
            )


def check_tokens(settings: Mapping[str, Any], model: PreTrainedModel) -> None:
    """Refuses ids of tokens that the model does not have."""
    named = {name: settings.get(name) for name, kind in KINDS.items() if kind in (TOKEN, TOKENS, PHRASES)}
    named = {name: value for name, value in named.items() if value is not None}
    if not named:
        return  # as in most calls: to ask a configuration for that of its text copies it
    vocabulary = model.config.get_text_config(decoder=True).vocab_size
    for name, value in named.items():
        if max(all_tokens(value)) >= vocabulary:
            raise ValueError(
                f"{name} is {show(value)}; the model's tokens are 0 to {vocabulary - 1}, give one of them."
            )


def all_tokens(value: Any) -> Iterator[int]:
    """The ids in a list of lists, in a list, or alone."""
    if isinstance(value, Integral):
        yield int(value)
    else:
        for part in value:
            yield from all_tokens(part)


@contextmanager
def refusals_name(settings: Iterable[str]) -> Iterator[None]:
    """Where the library refuses settings, its words for it are one line that names them."""
    try:
        yield
    except (ValueError, RecursionError) as error:  # the latter of values in values, which it tries to show
        names = ", ".join(settings)
        if not names:
            raise
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 250 else f"{reason[:250]}..."
        raise ValueError(f"generate() does not take {names} like this: {reason}; change what it names.") from error
