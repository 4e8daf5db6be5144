"""One table: a JSON-lines, JSON, CSV or Parquet file."""

from pathlib import Path

from ..source import Layout, Source
from .table_files import READERS, is_table, make_source


def find_table(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in a file."""
    return make_source(path, {path: None}, images) if is_table(path) else None


TABLE = Layout(f"a {', '.join(READERS)} file", find_table)
