"""A-OKVQA: annotation files as published, with COCO's images and three rationales for each question."""

from functools import partial
from pathlib import Path

from ..answers import has_options
from ..rows import RawRow, shorten
from ..source import Layout, Source, file_stamp
from ..splits import TRAIN, check_splits
from .split_files import tables_of_splits
from .table_files import is_table, read_tables


PREFIX = "aokvqa_v1p0_"
# Fields that together no other data set has.
MARKS = ("question_id", "image_id", "choices")
# Their fields and ours.
FIELDS = {"question_id": "id", "correct_choice_idx": "answer", "rationales": "solution"}
DIRECT_ANSWERS = "direct_answers"  # ten people's, which count where a row has no options
COCO_NAMES = {"validation": "val"}
DIGITS = 12  # in the name of a COCO image


def find_aokvqa(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in an annotation file, or in a folder with one for each split.

    Args:
        images: the COCO folder, with `train2017` and so on; by default the folder of the file.
    """
    files: dict[Path, str | None] = {path: None} if is_table(path) else dict(tables_of_splits(path, PREFIX))
    if not files or not all(is_annotation_file(file) for file in files):
        return None
    check_splits([split or TRAIN for split in files.values()], path)
    stamps = [file_stamp(file) for file in files]
    return Source(str(path), stamps, partial(read_tables, files, images), adapt_annotation)


def is_annotation_file(path: Path) -> bool:
    """Whether this is a JSON file with A-OKVQA's name or fields; its first row is near enough to its beginning."""
    if path.suffix != ".json":
        return False
    if path.name.startswith(PREFIX):
        return True
    with path.open("rb") as file:
        beginning = file.read(4096)
    return all(f'"{name}"'.encode() in beginning for name in MARKS)


def adapt_annotation(row: RawRow) -> None:
    """Makes a row's fields ours, and of `image_id` the path of an image in the COCO folder."""
    values = row.values
    row.split = row.split or row.text("split") or TRAIN
    for theirs, ours in FIELDS.items():
        if theirs in values:
            values[ours] = values.pop(theirs)
    values.setdefault("choices", None)
    if not has_options(row) and DIRECT_ANSWERS in values:
        values["answer"] = values.pop(DIRECT_ANSWERS)
    number = row.text("image_id")
    if not number.isdecimal() or len(number) > DIGITS:
        raise row.error("image_id", f"is {shorten(number)}; it must be the number of a COCO picture.")
    values["image"] = f"{COCO_NAMES.get(row.split, row.split)}2017/{int(number):0{DIGITS}d}.jpg"


AOKVQA = Layout(f"{PREFIX}train.json or its folder", find_aokvqa)
