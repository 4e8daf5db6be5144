"""An image folder: `metadata.csv` (or another table) beside the images, at its root or in each split's folder."""

from pathlib import Path

from ..source import Layout, Source
from ..splits import TRAIN, check_splits, split_by_name
from .table_files import is_table, make_source


def find_image_folder(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in such a folder."""
    files = find_metadata(path)
    if not files:
        return None
    check_splits([split or TRAIN for split in files.values()], path)
    return make_source(path, files, images)


def find_metadata(folder: Path) -> dict[Path, str | None]:
    """The tables of an image folder, each with the split whose folder it lies in."""
    if not folder.is_dir():
        return {}
    places: dict[Path, str | None] = {folder: None}
    places |= {path: path.name for path in sorted(folder.iterdir()) if split_by_name(path.name)}
    return {
        path: split for place, split in places.items() for path in sorted(place.glob("metadata.*")) if is_table(path)
    }


IMAGE_FOLDER = Layout("a folder with metadata.csv", find_image_folder)
