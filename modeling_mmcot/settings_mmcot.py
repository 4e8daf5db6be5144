"""What users may say to `generate()`, checked: the library leaves most of it unchecked, and trips over it later."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from transformers import GenerationConfig, GenerationMixin, PreTrainedModel
from transformers.generation.configuration_utils import BaseWatermarkingConfig

from .configuration_mmcot import ANSWER, RATIONALE
from .images_mmcot import show
from .prompt_mmcot import HALF_CHARACTER


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
# Far more than any answer needs; without a limit a slip of the finger takes all memory, or never ends.
MOST_TOKENS = 100_000
MOST_BEAMS = 100
MOST_WORKERS = 64
MOST_SAMPLES = 1000


@dataclass(frozen=True)
class Allowed:
    """What a setting may be.

    Args:
        words: the end of a sentence that says what to give.
        fits: whether a value is of this kind.
    """

    words: str
    fits: Callable[[Any], bool]


def whole(least: int, most: int = MOST_TOKENS) -> Allowed:
    return Allowed(
        f"a whole number from {least} to {most:,}", lambda value: is_number(value, Integral) and least <= value <= most
    )


def is_number(value: Any, kind: type = Real) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def is_token(value: Any) -> bool:
    return is_number(value, Integral) and value >= 0


def is_list(value: Any, fits: Callable[[Any], bool]) -> bool:
    """Whether a value is a list of so-and-so, with something in it."""
    return isinstance(value, (list, tuple)) and len(value) > 0 and all(map(fits, value))


def is_pair(value: Any) -> bool:
    return is_list(value, is_number) and len(value) == 2


def is_text(value: Any) -> bool:
    """Whether a value is a text with something in it, and without half a character."""
    return isinstance(value, str) and bool(value) and HALF_CHARACTER.search(value) is None


FLAG = Allowed("True or False", lambda value: isinstance(value, bool))
NUMBER = Allowed("a number", lambda value: is_number(value) and abs(value) < float("inf"))
POSITIVE = Allowed("a number above 0", lambda value: is_number(value) and 0 < value < float("inf"))
SHARE = Allowed("a number from 0 to 1", lambda value: is_number(value) and 0 <= value <= 1)
TOKEN = Allowed("the id of a token", is_token)
TOKENS = Allowed("the id of a token, or a list of them", lambda value: is_token(value) or is_list(value, is_token))
PHRASES = Allowed(
    "a list of lists of token ids", lambda value: is_list(value, lambda phrase: is_list(phrase, is_token))
)
WORD = Allowed("a word", lambda value: isinstance(value, str) and value.isidentifier())
FUNCTIONS = Allowed("a list of functions", lambda value: value == [] or is_list(value, callable))
TEXTS = Allowed("a text, or a list of texts", lambda value: is_text(value) or is_list(value, is_text))
KINDS: dict[str, Allowed] = {
    **dict.fromkeys(("max_new_tokens", "max_length", "max_cache_len", "num_assistant_tokens"), whole(1)),
    **dict.fromkeys(("prompt_lookup_num_tokens", "max_matching_ngram_size", "prefill_chunk_size"), whole(1)),
    **dict.fromkeys(("min_length", "min_new_tokens", "top_k", "assistant_lookbehind", "target_lookbehind"), whole(0)),
    **dict.fromkeys(("no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "assistant_early_exit"), whole(0)),
    **dict.fromkeys(("num_beams", "num_beam_groups"), whole(1, MOST_BEAMS)),
    **dict.fromkeys(("temperature", "repetition_penalty", "encoder_repetition_penalty", "max_time"), POSITIVE),
    **dict.fromkeys(("length_penalty", "guidance_scale", "diversity_penalty", "penalty_alpha"), NUMBER),
    **dict.fromkeys(("top_p", "min_p", "top_h", "typical_p", "epsilon_cutoff", "eta_cutoff"), SHARE),
    **dict.fromkeys(("assistant_confidence_threshold", "assistant_ensemble_weight"), SHARE),
    **dict.fromkeys(("do_sample", "use_cache", "use_mtp", "renormalize_logits", "remove_invalid_values"), FLAG),
    **dict.fromkeys(("token_healing", "low_memory", "disable_compile", "is_assistant", "synced_gpus"), FLAG),
    **dict.fromkeys(("bos_token_id", "pad_token_id", "forced_bos_token_id"), TOKEN),
    **dict.fromkeys(("eos_token_id", "forced_eos_token_id", "decoder_start_token_id"), TOKENS),
    **dict.fromkeys(("suppress_tokens", "begin_suppress_tokens"), TOKENS),
    **dict.fromkeys(("bad_words_ids", "force_words_ids"), PHRASES),
    "sequence_bias": Allowed(
        "a mapping from tuples of token ids to numbers",
        lambda value: isinstance(value, Mapping) or is_list(value, lambda pair: isinstance(pair, (list, tuple))),
    ),
    "stop_strings": TEXTS,
    "early_stopping": Allowed("True, False or 'never'", lambda value: isinstance(value, bool) or value == "never"),
    "generation_config": Allowed("a GenerationConfig", lambda value: isinstance(value, GenerationConfig)),
    "assistant_model": Allowed("a model", lambda value: isinstance(value, PreTrainedModel)),
    "prefix_allowed_tokens_fn": Allowed("a function", callable),
    **dict.fromkeys(("logits_processor", "stopping_criteria"), FUNCTIONS),
    **dict.fromkeys(("cache_implementation", "num_assistant_tokens_schedule", "speculation_type"), WORD),
    "streamer": Allowed(
        "an object with put() and end()", lambda value: hasattr(value, "put") and hasattr(value, "end")
    ),
    "watermarking_config": Allowed("a WatermarkingConfig", lambda value: isinstance(value, BaseWatermarkingConfig)),
    "exponential_decay_length_penalty": Allowed("a pair of numbers, first token and factor", is_pair),
}
# What the pipeline itself is told.
COUNTS = {"batch_size": whole(1), "num_workers": whole(0, MOST_WORKERS)}
MAPPING = Allowed("a mapping of names to values", lambda value: isinstance(value, Mapping))
STAGE_SETTINGS = {RATIONALE: "rationale_kwargs", ANSWER: "answer_kwargs"}
OWN_SETTINGS = {
    **dict.fromkeys(STAGE_SETTINGS.values(), MAPPING),
    "num_samples": whole(1, MOST_SAMPLES),
    "abstain_below": SHARE,
    "return_all": FLAG,
    "explain": FLAG,
    "on_error": Allowed("'raise' or 'return'", lambda value: value in ("raise", "return")),
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


def check_kinds(settings: Mapping[str, Any], kinds: Mapping[str, Allowed]) -> None:
    """Refuses values of the wrong kind; `None` says nothing."""
    for name, kind in kinds.items():
        value = settings.get(name)
        if value is not None and not kind.fits(value):
            raise ValueError(f"{name} is {show(value)}; give {kind.words}.")


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
    except ValueError as error:
        names = ", ".join(settings)
        if not names:
            raise
        reason = " ".join(str(error).split())
        reason = reason if len(reason) <= 250 else f"{reason[:250]}..."
        raise ValueError(f"generate() does not take {names} like this: {reason}; change what it names.") from error
