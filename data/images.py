"""The images of a row: where they are, and whether they can be read."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..modeling_mmcot.images_mmcot import find_fault
from ..modeling_mmcot.prompt_mmcot import HALF_CHARACTER
from .answers import read_json_list
from .rows import RawRow, is_missing, shorten
from .source import file_stamp


LONGEST_PATH = 1000
# An image as `datasets` stores it, `{"bytes", "path"}` with one of them `None`.
Stored = dict[str, Any]


def list_images(row: RawRow) -> list[Any]:
    """What a row has in its cell `image`: one entry, or those of a list or of the text of a JSON list."""
    value = row.values.get("image")
    listed = read_json_list(value) if isinstance(value, str) else value
    return listed if isinstance(listed, list) else [value]


def find_images(row: RawRow) -> list[Stored]:
    """The images that a row names or holds, paths made absolute.

    Raises:
        RowError: for anything but paths and encoded images, and for a relative path that leaves its folder.
    """
    images = [locate_image(row, entry) for entry in list_images(row)]
    return [image for image in images if image]


def locate_image(row: RawRow, entry: Any) -> Stored | None:
    """One image, or `None` for an empty cell."""
    if isinstance(entry, dict):
        entry = entry.get("path") if entry.get("bytes") is None else entry["bytes"]
    if is_missing(entry):
        return None
    if isinstance(entry, bytes):
        return {"bytes": entry, "path": None}
    if not isinstance(entry, str):
        raise row.error("image", f"is {shorten(entry)}; write the path of a picture.")
    if "://" in entry:
        raise row.error("image", f"is the address {entry:.80}; download the picture and write its path.")
    if "\0" in entry or HALF_CHARACTER.search(entry) or len(entry) > LONGEST_PATH:
        raise row.error("image", f"is {shorten(entry)}, which no file can be called; correct the path.")
    folder = os.path.abspath(row.folder)
    path = os.path.abspath(row.folder / entry)
    if not os.path.isabs(entry) and not Path(path).is_relative_to(folder):
        raise row.error("image", f"is {entry}, which leaves {folder}; write an absolute path or set data.images.")
    return {"bytes": None, "path": path}


def check_image(row: RawRow, image: Stored) -> None:
    """Decodes an image as the model will read it.

    Raises:
        RowError: where that fails, and for one so large that it must be a mistake.
    """
    path = image["path"]
    content = image["bytes"]
    fault = find_fault(content) if path is None else find_file_fault(*file_stamp(path))
    if fault:
        raise row.error("image", f"{path or '(embedded)'} {fault}", path)


@lru_cache(maxsize=2**16)
def find_file_fault(path: str, size: int | None, changed: int | None) -> str | None:
    """What is wrong with an image file. Several rows may share one: as long as it stays the same it is read once."""
    if not os.path.isfile(path):
        return "does not exist; set data.images to the folder that picture paths start from."
    return find_fault(path)
