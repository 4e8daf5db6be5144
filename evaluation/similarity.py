"""Likeness of meaning: the cosine of two texts' embeddings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import AutoModel, AutoTokenizer


BATCH_SIZE = 64
# Texts are cut to what the encoder was made for, or to this where it does not say.
MAX_LENGTH = 512


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
        ValueError: if there is no such folder.
    """
    texts = sorted({*predictions, *references} - {""}, key=lambda text: (-len(text), text))
    place = {text: position for position, text in enumerate(texts)}
    embeddings = embed(texts, encoder, progress)
    cosines = [
        float(embeddings[place[prediction]] @ embeddings[place[reference]]) if prediction else 0.0
        for prediction, reference in zip(predictions, references, strict=True)
    ]
    return np.clip(cosines, -1, 1)  # rounding makes some a little longer


@torch.inference_mode()
def embed(texts: Sequence[str], encoder: str | Path, progress: bool) -> torch.Tensor:
    """Embeddings `(texts, hidden)` of length 1. Texts of like length should be neighbours."""
    if not Path(encoder, "config.json").is_file():
        raise ValueError(f"There is no sentence encoder in {encoder}; give a folder with its config.json and weights.")
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    model = AutoModel.from_pretrained(encoder, dtype=torch.float32).eval()
    longest = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", MAX_LENGTH))
    embeddings = []
    hidden = None if progress else True  # `None` shows a bar on a terminal only
    for start in tqdm(range(0, len(texts), BATCH_SIZE), desc="embedding rationales", disable=hidden, leave=False):
        batch = list(texts[start : start + BATCH_SIZE])
        inputs = tokenizer(batch, padding=True, truncation=True, max_length=longest, return_tensors="pt")
        states = model(**inputs).last_hidden_state  # (batch, tokens, hidden)
        mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
        embeddings.append(torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1))
    return torch.cat(embeddings)
