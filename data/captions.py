"""Captions of pictures, by problem id."""

from pathlib import Path

from .json_text import load_json


def read_captions(path: Path) -> dict[str, str]:
    """Reads a JSON file `{"captions": {id: text}}`, as the official code has it, or `{id: text}`; several are joined.

    Raises:
        ValueError: for any other content.
    """
    content = load_json(path, "write captions as {id: text}")
    if isinstance(content, dict) and isinstance(content.get("captions"), dict):
        content = content["captions"]
    if not isinstance(content, dict) or not all(is_caption(caption) for caption in content.values()):
        raise ValueError(f"{path} holds no captions; write them as {{id: text}} or {{id: [text, ...]}}.")
    return {name: text if isinstance(text, str) else " ".join(text) for name, text in content.items()}


def is_caption(value: object) -> bool:
    """Whether this is a text or a list of texts."""
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(text, str) for text in value))
