"""What a setting of `generate()` or of the pipeline may be, as far as no library is needed to tell."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from .images_mmcot import show
from .prompt_mmcot import HALF_CHARACTER
from .stage_records_mmcot import ANSWER, RATIONALE


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
PLAIN_KINDS: dict[str, Allowed] = {
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
    # The name of a repository would have its code run: `generate` of the model is there for that.
    **dict.fromkeys(("custom_generate", "prefix_allowed_tokens_fn"), Allowed("a function", callable)),
    **dict.fromkeys(("logits_processor", "stopping_criteria"), FUNCTIONS),
    **dict.fromkeys(("cache_implementation", "num_assistant_tokens_schedule", "speculation_type"), WORD),
    "streamer": Allowed(
        "an object with put() and end()", lambda value: hasattr(value, "put") and hasattr(value, "end")
    ),
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


def check_kinds(settings: Mapping[str, Any], kinds: Mapping[str, Allowed]) -> None:
    """Refuses values of the wrong kind; `None` says nothing."""
    for name, kind in kinds.items():
        value = settings.get(name)
        if value is not None and not kind.fits(value):
            raise ValueError(f"{name} is {show(value)}; give {kind.words}.")
