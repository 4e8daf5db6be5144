"""Which names can be those of the Hub, and which lead to something here."""

import re
from pathlib import Path


HUB_ID = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*")
# Endings of files that hold a data set; such a name is never one of the Hub, whether the file is there or not.
TABLE_SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")


def is_hub_id(name: str) -> bool:
    """Whether a name is one of the Hub, not of a file or folder here."""
    return bool(HUB_ID.fullmatch(name)) and not Path(name).exists()


def is_dataset_id(spec: str) -> bool:
    """Whether the spec of a data set is `org/name` on the Hub."""
    return "/" in spec and is_hub_id(spec) and Path(spec).suffix not in TABLE_SUFFIXES
