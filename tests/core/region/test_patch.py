"""Changed pixels as a file holds them: they come back bit for bit, and what does not fit is refused."""

import numpy as np
import pytest
import torch

from dragvideo_core.region.box import Box
from dragvideo_core.region.patch import Patch, is_patched, patch_from

SIZE, BOX = (20, 30), Box(slice(3, 14), slice(5, 22))


def patch(dtype: type, count: int = 3) -> Patch:
    generator = np.random.default_rng(0)
    changed = [generator.random(BOX.size) < share for share in (0.5, 0.0, 1.0)[:count]]
    values = [generator.integers(0, np.iinfo(dtype).max, (int(one.sum()), 3)).astype(dtype) for one in changed]
    return Patch(BOX, changed, values)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_patch_comes_back_and_changes_its_pixels_alone(dtype: type):
    made = patch(dtype)
    back = patch_from(made.as_tensors(), 3, SIZE, np.dtype(dtype))
    assert back is not None and back.box == BOX
    picture = np.full((*SIZE, 3), 7, dtype)
    for i in range(3):
        one, other = made.applied(i, picture), back.applied(i, picture)
        assert np.array_equal(one, other) and one.dtype == dtype
        whole = np.zeros(SIZE, bool)
        whole[BOX.rows, BOX.columns] = made.changed[i]
        assert np.array_equal(one[whole], made.values[i]) and (one[~whole] == 7).all()
    assert (picture == 7).all()


@pytest.mark.parametrize(
    "name, change",
    [
        ("patch.box", lambda box: box + 10),
        ("patch.box", lambda box: box.float()),
        ("patch.box", lambda box: -box),
        ("patch.changed", lambda bits: bits[:2]),
        ("patch.changed", lambda bits: bits ^ 1),
        ("patch.values", lambda values: values[:-1]),
        ("patch.values", lambda values: values.int()),
    ],
)
def test_tensors_that_are_no_patch_are_refused(name: str, change):
    tensors = patch(np.uint8).as_tensors()
    tensors[name] = change(tensors[name])
    assert patch_from(tensors, 3, SIZE, np.dtype(np.uint8)) is None
    del tensors[name]
    assert patch_from(tensors, 3, SIZE, np.dtype(np.uint8)) is None and is_patched(tensors)
    assert not is_patched({"other": torch.zeros(1)})


@pytest.mark.parametrize("places", [[(2, 3)], [(2, 3), (9, 4)], [(0, 0), (10, 16)], []])
def test_what_changes_in_a_picture_lies_in_the_smallest_box_around_all_changes(places):
    changed = [np.zeros(BOX.size, bool) for _ in range(2)]
    for number, (row, column) in enumerate(places):
        changed[number % 2][row, column] = True
    made = Patch(BOX, changed, [np.full((int(one.sum()), 3), 9, np.uint8) for one in changed])
    for i in range(2):
        box, part, values = made.of(i)
        picture = np.full((*SIZE, 3), 7, np.uint8)
        picture[box.rows, box.columns][part] = values
        assert np.array_equal(picture, made.applied(i, np.full((*SIZE, 3), 7, np.uint8)))
    if places:
        rows, columns = zip(*places, strict=True)
        assert box.size == (np.ptp(rows) + 1, np.ptp(columns) + 1)
