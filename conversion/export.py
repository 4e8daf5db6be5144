"""A trained folder written for other code: `mmcot export runs/mine exported --format official`.

Each format is a file of this folder, `to_FORMAT.py` with a function `write(repository, output, say)`, and a name here.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from .output import require_empty


FORMATS = ("official", "space", "onnx")


def export(
    folder: str | Path, output: str | Path, format: str = "official", say: Callable[[str], None] = print
) -> None:
    """Writes a trained folder in another format.

    Args:
        folder: trained folder.
        output: folder that does not exist yet or is empty.
        format: one of `FORMATS`.
        say: told what the other code has to know.

    Raises:
        ValueError: for a folder that cannot be written in this format; says why.
    """
    from ..configuration.repository import open_folder

    if format not in FORMATS:
        raise ValueError(f"There is no format {format!r}; use one of {', '.join(FORMATS)}.")
    output = Path(output)
    repository = open_folder(folder)
    repository.require_whole()
    require_empty(output)
    import_module(f".to_{format}", __package__).write(repository, output, say)
