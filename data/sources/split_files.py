"""A folder with a table for each split: `train.jsonl`, `val.csv`, `test.parquet`."""

from pathlib import Path

from ..source import Layout, Source
from ..splits import check_splits, split_by_name
from .table_files import is_table, make_source


def find_split_files(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in such a folder."""
    files = tables_of_splits(path)
    if not files:
        return None
    check_splits(list(files.values()), path)
    return make_source(path, files, images)


def tables_of_splits(folder: Path, prefix: str = "") -> dict[Path, str]:
    """The tables of a folder that are named after a split, behind a prefix that they may have."""
    if not folder.is_dir():
        return {}
    splits = {path: split_by_name(path.stem.removeprefix(prefix)) for path in sorted(folder.iterdir())}
    return {path: split for path, split in splits.items() if split is not None and is_table(path)}


SPLIT_FILES = Layout("a folder with train.jsonl and test.jsonl", find_split_files)
