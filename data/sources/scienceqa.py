"""ScienceQA as its authors publish it: `problems.json`, `pid_splits.json`, and a folder of images."""

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from ..json_text import load_json
from ..rows import RawRow, RowError
from ..source import Layout, Source, file_stamp


PROBLEMS = "problems.json"
SPLITS = "pid_splits.json"
# The official splits. What else the file lists are parts of these.
OFFICIAL = ("train", "val", "test")
CHOICE_IMAGE = re.compile(r"choice_(\d+)\.png")


def find_scienceqa(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in a folder with `problems.json` and `pid_splits.json`, which the first of the two also stands for.

    Args:
        images: has `SPLIT/PID/image.png`; by default the folder `images` beside the files, or else one level above.
    """
    folder = path.parent if path.name == PROBLEMS else path
    if not (folder / PROBLEMS).is_file():
        return None
    images = images or find_images_folder(folder)
    stamps = [file_stamp(folder / name) for name in (PROBLEMS, SPLITS)] + [str(images)]
    return Source(str(folder), stamps, partial(read_problems, folder, images), add_images)


def find_images_folder(folder: Path) -> Path:
    """Where the images of a ScienceQA folder are, unless the user says so."""
    beside = folder / "images"
    above = folder.parent / "images"
    return above if above.is_dir() and not beside.is_dir() else beside


def read_problems(folder: Path, images: Path) -> Iterator[RawRow | RowError]:
    """All problems of the official splits, in their order there."""
    problems = read_object(folder / PROBLEMS)
    source = str(folder / PROBLEMS)
    for split, ids in read_splits(folder / SPLITS).items():
        for position, pid in enumerate(ids):
            problem = problems.get(pid)
            if isinstance(problem, dict):
                yield RawRow(source, pid, position, {**problem, "id": pid}, split, images)
            else:
                yield RowError(source, pid, None, f"is not there, but {SPLITS} lists it; take it out.")


def read_splits(path: Path) -> dict[str, list[str]]:
    """The ids of each official split.

    Raises:
        ValueError: if a split is no list of ids.
    """
    splits = read_object(path)
    for split in OFFICIAL:
        ids = splits.get(split, [])
        if not isinstance(ids, list) or not all(isinstance(pid, (str, int)) for pid in ids):
            raise ValueError(f"{path}: {split} is no list of problem ids; download it again.")
    return {split: [str(pid) for pid in splits.get(split, [])] for split in OFFICIAL}


def read_object(path: Path) -> dict:
    """What a JSON file holds.

    Raises:
        ValueError: if that is no object.
    """
    if not path.is_file():
        raise ValueError(f"There is no file {path}; ScienceQA needs {PROBLEMS} and {SPLITS} side by side.")
    content = load_json(path, "download it again")
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no object; download it again.")
    return content


def add_images(row: RawRow) -> None:
    """The paths of a problem's images: the one its field `image` names, then those of its options."""
    values = row.values
    # A split of one's own still has its pictures where the official one has them.
    place = f"{values.get('split') or row.split}/{row.row}"
    folder = os.path.join(row.folder, place)
    matches = filter(None, map(CHOICE_IMAGE.fullmatch, os.listdir(folder) if os.path.isdir(folder) else ()))
    choices = [match[0] for match in sorted(matches, key=lambda match: int(match[1]))]
    values["image"] = [f"{place}/{name}" for name in (values.get("image"), *choices) if name]


SCIENCEQA = Layout(f"a folder with {PROBLEMS}", find_scienceqa)
