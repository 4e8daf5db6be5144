"""Checked data sets on the disk: written once as Arrow files, then only opened."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa

from ..configuration import DataArguments
from .captions import read_captions
from .checking import Example, check_rows
from .examples import make_features
from .reader import Reader
from .rows import RowError
from .source import Source, file_stamp
from .splits import sort_splits
from .survey import take_survey


# To be raised whenever the same rows would be written differently.
FORMAT_VERSION = 2
RECORD = "skipped.json"
PREFIX = "split-"


def import_source(source: Source, arguments: DataArguments) -> Path:
    """The folder with a source's checked examples, made if it is not there.

    The folder lies in the cache of `datasets`, under a name made of all that its content depends on. Where bad
    images were left out, that includes their present state, so that a mended image comes back.

    Args:
        source: where the rows are.
        arguments: with absolute paths.

    Raises:
        RowError, ValueError: see [`check_rows`] and [`take_survey`].
    """
    root = Path(datasets.config.HF_DATASETS_CACHE, "mmcot")
    captions = [file_stamp(arguments.captions)] if arguments.captions else []
    folder = root / digest([FORMAT_VERSION, source.name, source.stamps, asdict(arguments), captions])
    while folder.is_dir():
        noted = read_record(folder)["pictures"]
        present = [file_stamp(path) for path, *_ in noted]
        if present == noted:
            return folder
        folder = root / digest([folder.name, present])
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}-", dir=root) as temporary:
        build(Path(temporary, "data"), source, arguments)
        try:
            os.rename(Path(temporary, "data"), folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise
    return folder


def digest(content: Any) -> str:
    """A short name of plain data."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:24]


def build(folder: Path, source: Source, arguments: DataArguments) -> None:
    """Checks all rows and writes a folder."""
    captions = read_captions(Path(arguments.captions)) if arguments.captions else None
    reader = Reader(source, arguments.columns, captions)
    survey = take_survey(reader)
    skipped: list[RowError] = []
    folder.mkdir()
    features = make_features(survey.further, survey.several_images, survey.without_options)
    write_splits(folder, features, check_rows(reader, survey, arguments, skipped))
    if len(skipped) == survey.rows:
        raise ValueError(f"All {survey.rows} rows of {source.name} are bad; the first: {skipped[0]}")
    images = sorted({error.image for error in skipped if error.image})
    record = {"skipped": [error.entry for error in skipped], "pictures": [file_stamp(path) for path in images]}
    (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write_splits(folder: Path, features: datasets.Features, batches: Iterable[Mapping[str, list[Example]]]) -> None:
    """Writes an Arrow file for each split, piece by piece.

    Raises:
        OSError: where that fails; reading fails with a `ValueError`.
    """
    schema = features.arrow_schema
    try:
        with ExitStack() as stack:
            writers: dict[str, pa.ipc.RecordBatchStreamWriter] = {}
            for batch in batches:
                for split, examples in batch.items():
                    if split not in writers:
                        stream = pa.ipc.new_stream(folder / f"{PREFIX}{split}.arrow", schema)
                        writers[split] = stack.enter_context(stream)
                    writers[split].write_batch(pa.RecordBatch.from_pylist(examples, schema))
    except OSError as error:
        raise OSError(
            f"The checked data set cannot be written to {folder.parents[1]} ({error}); make room there, or name a "
            "folder elsewhere with the variable HF_DATASETS_CACHE."
        ) from error


def open_splits(folder: Path) -> datasets.DatasetDict:
    """The splits of such a folder, mapped into memory."""
    files = folder.glob(f"{PREFIX}*.arrow")  # others are what `datasets` made of them later
    return sort_splits({file.stem.removeprefix(PREFIX): datasets.Dataset.from_file(str(file)) for file in files})


def read_record(folder: Path) -> dict[str, Any]:
    """What was left out of such a folder: `skipped`, and the state of the `pictures` that were to blame."""
    return json.loads((folder / RECORD).read_text(encoding="utf-8"))
