"""A picture with one place after another hidden, and what follows for the places from what each hiding cost."""

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageStat


# Along the longer side of a picture. A window of 2 x 2 cells is hidden at a time; every cell lies in four of them.
CELLS = 8
WINDOW = 2
# Pixels along it; towers read fewer, and there are to be 80 copies of it.
LONGEST = 1024


def shrink(picture: Image.Image) -> Image.Image:
    """The picture, or a smaller one of the same proportions if it is large."""
    scale = LONGEST / max(picture.size)
    if scale >= 1:
        return picture
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)


def grid_of(picture: Image.Image) -> tuple[int, int]:
    """Rows and columns of nearly square cells over a picture."""
    columns, rows = (max(1, round(CELLS * side / max(picture.size))) for side in picture.size)
    return rows, columns


def hide_windows(pictures: Sequence[Image.Image]) -> Iterator[list[Image.Image]]:
    """The pictures with a window in one of them painted over in its mean colour.

    Windows go row by row, from the one that only reaches the first cell to the one that only reaches the last:
    `(rows + 1) * (columns + 1)` for each picture.
    """
    for position, picture in enumerate(pictures):
        colour = tuple(round(channel) for channel in ImageStat.Stat(picture).mean)
        for box in window_boxes(picture):
            hidden = picture.copy()
            hidden.paste(colour, box)
            yield [*pictures[:position], hidden, *pictures[position + 1 :]]


def window_boxes(picture: Image.Image) -> Iterator[tuple[int, int, int, int]]:
    """Left, top, right and bottom of each window in pixels."""
    rows, columns = grid_of(picture)
    for row in range(1 - WINDOW, rows):
        top, bottom = (round(edge * picture.height / rows) for edge in (max(row, 0), min(row + WINDOW, rows)))
        for column in range(1 - WINDOW, columns):
            edges = (max(column, 0), min(column + WINDOW, columns))
            left, right = (round(edge * picture.width / columns) for edge in edges)
            yield left, top, right, bottom


def spread_over_cells(falls: np.ndarray, pictures: Sequence[Image.Image]) -> list[np.ndarray]:
    """A map `(rows, columns)` of each picture: for every cell the mean fall over the windows that hid it.

    Args:
        falls: for each window of all pictures, in the order of [`hide_windows`], `(windows,)`.
    """
    maps, start = [], 0
    for picture in pictures:
        rows, columns = grid_of(picture)
        count = (rows + 1) * (columns + 1)
        windows = falls[start : start + count].reshape(rows + 1, columns + 1)
        maps.append((windows[:-1, :-1] + windows[:-1, 1:] + windows[1:, :-1] + windows[1:, 1:]) / 4)
        start += count
    return maps
