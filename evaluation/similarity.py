"""Likeness of meaning: the cosine of two texts' embeddings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ..inference.bars import bar_is_hidden


BATCH_SIZE = 64
# Texts are cut to what the encoder was made for, or to this where it does not say.
MAX_LENGTH = 512
# The only weights that an encoder may lack: they come after its last hidden states.
UNUSED = "pooler"
REMEDY = "give a folder with its config.json, tokenizer and weights"


def similarities(
    predictions: Sequence[str], references: Sequence[str], encoder: str | Path, progress: bool = True
) -> np.ndarray:
    """Cosine of the embeddings of each prediction and its reference, -1 to 1; 0 where a prediction is empty.

    Args:
        predictions, references: texts, `(rows,)`.
        encoder: local folder of an encoder as sentence-transformers saves it. Its last hidden states are averaged over
            the words, which is how most of them, MiniLM and MPNet among them, were trained.
        progress: show a progress bar on a terminal.

    Raises:
        ValueError: if there is no such folder, or it holds no encoder of texts, or a damaged one.
    """
    texts = sorted({*predictions, *references} - {""}, key=lambda text: (-len(text), text))
    place = {text: position for position, text in enumerate(texts)}
    embeddings = embed(texts, encoder, progress)
    cosines = [
        float(embeddings[place[prediction]] @ embeddings[place[reference]]) if prediction else 0.0
        for prediction, reference in zip(predictions, references, strict=True)
    ]
    return np.clip(cosines, -1, 1)  # rounding makes some a little longer


def embed(texts: Sequence[str], encoder: str | Path, progress: bool) -> torch.Tensor:
    """Embeddings `(texts, hidden)` of length 1. Texts of like length should be neighbours."""
    if not Path(encoder, "config.json").is_file():
        raise ValueError(f"There is no sentence encoder in {encoder}; {REMEDY}.")
    hidden = bar_is_hidden(progress)
    starts = tqdm(range(0, len(texts), BATCH_SIZE), desc="embedding rationales", disable=hidden, leave=False)
    try:
        tokenizer, model = load_encoder(encoder)
        embeddings = torch.cat([embed_batch(texts[start : start + BATCH_SIZE], tokenizer, model) for start in starts])
    except Exception as error:  # a damaged folder, and a model of another kind, fail in any way
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{encoder} cannot be used as a sentence encoder ({reason:.300}); {REMEDY}.") from error
    if not embeddings.isfinite().all():
        raise ValueError(
            f"The sentence encoder in {encoder} gives no numbers: its weights are damaged. Download it again."
        )
    return embeddings


def load_encoder(folder: str | Path) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    """Tokenizer and model of a folder.

    Raises:
        ValueError: for weights that are not all there: the library would draw the others at random.
    """
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    model, found = AutoModel.from_pretrained(
        folder, dtype=torch.float32, trust_remote_code=False, output_loading_info=True
    )
    missing = sorted(name for name in found["missing_keys"] if UNUSED not in name)
    if missing:
        raise ValueError(f"{len(missing)} weights are missing, {missing[0]} among them")
    return tokenizer, model.eval()


@torch.inference_mode()
def embed_batch(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> torch.Tensor:
    """Embeddings `(texts, hidden)` of one batch."""
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", MAX_LENGTH))
    inputs = tokenizer(list(texts), padding=True, truncation=True, max_length=longest, return_tensors="pt")
    states = model(**inputs).last_hidden_state  # (batch, tokens, hidden)
    mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
    sums = (states * mask).sum(1)
    counts = mask.sum(1).clamp(min=1)  # some tokenizers see nothing in a text
    return torch.nn.functional.normalize(sums / counts, dim=-1)
