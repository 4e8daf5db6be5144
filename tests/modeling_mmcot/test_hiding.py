"""Places of a picture that are hidden, and the map that their costs become."""

import numpy as np
import pytest
from PIL import Image

from mmcot.modeling_mmcot.hiding_mmcot import grid_of, hide_windows, spread_over_cells


def noise(width, height):
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize(
    ("size", "grid"),
    [((64, 64), (8, 8)), ((640, 480), (6, 8)), ((30, 90), (8, 3)), ((200, 1), (1, 8)), ((1, 1), (8, 8))],
)
def test_cells_are_nearly_square_whatever_the_picture(size, grid):
    picture = noise(*size)
    assert grid_of(picture) == grid
    windows = list(hide_windows([picture]))
    assert len(windows) == (grid[0] + 1) * (grid[1] + 1)
    [heat] = spread_over_cells(np.arange(len(windows)), [picture])
    assert heat.shape == grid


def test_each_pixel_is_hidden_by_the_four_windows_of_its_cell():
    picture = noise(64, 32)
    times = np.zeros((32, 64))
    for [hidden] in hide_windows([picture]):
        changed = (np.asarray(hidden) != np.asarray(picture)).any(-1)
        times += changed
        assert np.ptp(np.asarray(hidden)[changed], axis=0).max() == 0
    assert (times == 4).mean() > 0.99  # but for pixels that have the mean colour already


def test_map_is_hot_where_the_windows_cost_something():
    picture, spot = noise(80, 80), (35, 62)  # y and x, in the cell of row 3 and column 6
    falls = [float((np.asarray(hidden) != np.asarray(picture))[spot].any()) for [hidden] in hide_windows([picture])]
    assert sum(falls) == 4
    [heat] = spread_over_cells(np.array(falls), [picture])
    assert heat[3, 6] == 1
    assert (heat == 1).sum() == 1
    # Its neighbours share two or one of their four windows with it.
    assert heat[3, 5] == heat[2, 6] == 0.5
    assert heat[4, 7] == 0.25
    assert heat.sum() == 4


def test_one_of_several_pictures_is_hidden_at_a_time():
    pictures = [noise(64, 64), noise(64, 32)]
    rows = list(hide_windows(pictures))
    assert len(rows) == 81 + 45
    assert all(row[1] is pictures[1] for row in rows[:81])
    assert all(row[0] is pictures[0] for row in rows[81:])
    maps = spread_over_cells(np.arange(len(rows)), pictures)
    assert [heat.shape for heat in maps] == [(8, 8), (4, 8)]
    assert maps[1][0, 0] == np.mean([81, 82, 90, 91])
