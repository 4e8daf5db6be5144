"""JSON that others wrote: whatever is wrong with it is a `ValueError`. Our own files: `configuration.plain_files`."""

import json
from pathlib import Path
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """The value that a text spells.

    Raises:
        ValueError: for what is no JSON, or nested more deeply than Python can follow.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("lists or objects are nested too deeply") from None


def load_json(path: Path, remedy: str) -> Any:
    """The value in a file.

    Args:
        remedy: what to do where there is none.

    Raises:
        ValueError: where there is none; the message names the file.
    """
    try:
        return parse_json(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}); make it a readable file.") from error
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON ({error}); {remedy}.") from None
