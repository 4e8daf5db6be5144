"""A small tokenizer trained on the run's own texts, for models that start from scratch."""

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast


PAD, EOS, UNKNOWN = "<pad>", "</s>", "<unk>"  # ids 0, 1, 2, as in T5
# An option's letter "(A)" is one token and punctuation stands alone, so that "red." and "red" share theirs: a model
# that has to find the option its rationale ended with then finds equal tokens.
WORDS = Regex(r"▁?\([A-Z]{1,2}\)|▁?\w+|▁?[^\w\s▁]|▁")
# Every character of plain English is a token, whether `texts` have it or not: people will ask in their own words.
ALPHABET = [chr(code) for code in range(ord("!"), ord("~") + 1)]


def train_tokenizer(texts: Iterable[str], vocab_size: int = 1000) -> PreTrainedTokenizerFast:
    """Trains byte-pair encoding inside words, with T5's special tokens.

    Args:
        texts: prompts and targets.
        vocab_size: at most this many tokens, characters of `texts` included.
    """
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme="always"), pre_tokenizers.Split(WORDS, behavior="isolated")]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[PAD, EOS, UNKNOWN],
        initial_alphabet=ALPHABET,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {EOS}", special_tokens=[(EOS, tokenizer.token_to_id(EOS))]
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=PAD, eos_token=EOS, unk_token=UNKNOWN)
