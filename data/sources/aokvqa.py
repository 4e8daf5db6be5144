"""A-OKVQA: annotation files as published, with COCO's pictures and three rationales for each question."""

from pathlib import Path

from ..rows import RawRow
from ..splits import TRAIN


# Their fields and ours.
FIELDS = {"question_id": "id", "correct_choice_idx": "answer", "rationales": "solution"}
COCO_NAMES = {"validation": "val"}


def is_annotation_file(path: Path) -> bool:
    """Whether a JSON file has A-OKVQA's fields; its first row is near enough to its beginning."""
    with path.open("rb") as file:
        beginning = file.read(4096)
    return all(f'"{name}"'.encode() in beginning for name in ("question_id", "image_id", "choices"))


def adapt_annotation(row: RawRow) -> None:
    """Makes a row's fields ours, and of `image_id` the path of a picture in the COCO folder."""
    values = row.values
    row.split = row.split or row.text("split") or TRAIN
    for theirs, ours in FIELDS.items():
        if theirs in values:
            values[ours] = values.pop(theirs)
    number = row.text("image_id")
    if not number.isdecimal():
        raise row.error("image_id", f"is {number!r:.80}; it must be the number of a COCO picture.")
    values["image"] = f"{COCO_NAMES.get(row.split, row.split)}2017/{int(number):012d}.jpg"
