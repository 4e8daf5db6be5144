"""TabMWP as its authors publish it: `problems_train.json`, `problems_dev.json` and so on, with images of tables."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

from ..json_text import load_json
from ..rows import RawRow, RowError
from ..source import Layout, Source, file_stamp


FILES = {f"problems_{split}.json": split for split in ("train", "dev", "test")}


def find_tabmwp(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in a folder, or in one of its files.

    Args:
        images: has `tables/ID.png`; by default the folder of the files.
    """
    folder = path if path.is_dir() else path.parent
    names = FILES if path.is_dir() else {path.name} & set(FILES)
    files = {folder / name: FILES[name] for name in sorted(names) if (folder / name).is_file()}
    if not files:
        return None
    stamps = [file_stamp(file) for file in files]
    return Source(str(path), stamps, partial(read_tabmwp, files, images or folder), add_table_image)


def read_tabmwp(files: Mapping[Path, str], images: Path) -> Iterator[RawRow | RowError]:
    """All problems of the files, by their ids.

    Raises:
        ValueError: for a file that holds no problems by id.
    """
    for path, split in files.items():
        problems = load_json(path, "download it again")
        if not isinstance(problems, dict):
            raise ValueError(f"{path} holds no object; download it again.")
        for position, (pid, problem) in enumerate(problems.items()):
            if isinstance(problem, dict):
                yield RawRow(str(path), pid, position, {**problem, "id": pid}, split, images)
            else:
                yield RowError(str(path), pid, None, "is no object; download the file again.")


def add_table_image(row: RawRow) -> None:
    """The path of the image of a problem's table. Its text is the column `table`."""
    row.values["image"] = f"tables/{row.row}.png"


TABMWP = Layout(f"a folder with {next(iter(FILES))}", find_tabmwp)
