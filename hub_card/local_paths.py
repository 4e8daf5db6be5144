"""What a run notes of the machine it ran on is nobody's business on the Hub."""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any


# The beginning of a path of this machine within a sentence: /home, ~/data, C:\data, \\server, ../data, file:/data.
IN_SENTENCE = re.compile(r"(?<![\w.:/\\])(?:~[\w-]*/|/\w|[A-Za-z]:[\\/]|\\\\|\.\.[\\/]|file:/)")
WITHHELD = "(withheld: it names a place on the author's machine)"


def without_local_paths(value: Any) -> Any:
    """Plain data in which a path of this machine has only its last name."""
    if isinstance(value, Mapping):
        return {key: without_local_paths(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [without_local_paths(entry) for entry in value]
    return last_name(value) if isinstance(value, str) else value


def last_name(text: str) -> str:
    """The last name of a text that is a path of this machine; any other text as it is."""
    if PurePosixPath(text).is_absolute() or text.startswith(("~", "../", "file:/")):
        return PurePosixPath(text).name
    return PureWindowsPath(text).name if PureWindowsPath(text).is_absolute() else text


def publishable_metrics(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Scores whose skipped rows name no place on this machine, nor does the sentence that says what is wrong."""
    published = without_local_paths(metrics)
    for row in published.get("skipped") or ():
        if IN_SENTENCE.search(str(row.get("reason"))):
            row["reason"] = WITHHELD
    return published
