"""A trained folder written for other code: `mmcot export runs/mine exported --format official`.

Each format is a file of this folder, `to_FORMAT.py` with a function `write(repository, output, say)`, and a name here.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from .output import require_empty


ONNX = "onnx"
FORMATS = ("official", "space", ONNX)
PRECISIONS_OF_ONNX = ("fp32", "int8", "int4")
# What `to_onnx.py` and its siblings import, by the name of the extra that brings it.
ONNX_LIBRARIES = ("onnx", "onnx_ir", "onnxscript", "onnxruntime")


def export(
    folder: str | Path,
    output: str | Path,
    format: str = "official",
    say: Callable[[str], None] = print,
    precision: str = PRECISIONS_OF_ONNX[0],
) -> None:
    """Writes a trained folder in another format.

    Args:
        folder: trained folder.
        output: folder that does not exist yet or is empty.
        format: one of `FORMATS`.
        say: told what the other code has to know.
        precision: of the weights, one of `PRECISIONS_OF_ONNX`; other formats keep theirs.

    Raises:
        ValueError: for a folder that cannot be written in this format; says why.
        ImportError: where the libraries of a format are not installed.
    """
    from ..configuration.repository import open_folder

    if format not in FORMATS:
        raise ValueError(f"There is no format {format!r}; use one of {', '.join(FORMATS)}.")
    if precision not in PRECISIONS_OF_ONNX:
        raise ValueError(f"There is no precision {precision!r}; use one of {', '.join(PRECISIONS_OF_ONNX)}.")
    if precision != PRECISIONS_OF_ONNX[0] and format != ONNX:
        raise ValueError(f"The format {format!r} keeps the weights; leave out the precision {precision!r}.")
    output = Path(output)
    repository = open_folder(folder)
    repository.require_whole()
    require_empty(output)
    options = {}
    if format == ONNX:
        require_onnx_libraries()
        options["precision"] = precision
    import_module(f".to_{format}", __package__).write(repository, output, say, **options)


def require_onnx_libraries() -> None:
    """Refuses to begin without what makes and runs graphs."""
    missing = [name for name in ONNX_LIBRARIES if find_spec(name) is None]
    if missing:
        raise ImportError(f"ONNX graphs need {', '.join(missing)}, which is not installed: pip install 'mmcot[onnx]'")
