"""JSON and other texts as files: read with errors that name the file and say what to do, and written whole."""

import json
import os
from pathlib import Path
from typing import Any


RESTORE = "restore it from a copy, or train again"
# Libraries list everything that they would have taken.
LONGEST_REASON = 300


def read_json(path: Path, remedy: str = RESTORE) -> dict[str, Any]:
    """What a JSON file holds.

    Args:
        path: the file.
        remedy: what to do about a file that is damaged.

    Raises:
        ValueError: for a file that does not hold one object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error, remedy) from error
    return require_mapping(path, content, remedy)


def require_mapping(path: Path, content: Any, remedy: str) -> dict[str, Any]:
    """Refuses content other than names with values."""
    if not isinstance(content, dict):
        raise damaged(path, f"it holds a {type(content).__name__}, not names with values", remedy)
    return content


def damaged(path: Path, reason: object, remedy: str = RESTORE) -> ValueError:
    """The error for a file that cannot be used, in one line."""
    return ValueError(f"{path} is damaged ({' '.join(str(reason).split())[:LONGEST_REASON]}); {remedy}.")


def replace_text(path: Path, text: str) -> None:
    """Writes a file that appears whole or not at all, whatever happens to the process or the machine.

    Half a character, which the name of a file may hold, is written as its escape, `\\udc80`, which JSON reads back.
    """
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(text.encode("utf-8", "backslashreplace"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
