"""The folder that a conversion writes."""

from pathlib import Path


def require_empty(output: Path) -> None:
    """Refuses a place where something is already.

    Raises:
        ValueError: says what to do.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output} is not empty; name a folder that does not exist yet.")
