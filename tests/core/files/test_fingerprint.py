"""Laws of fingerprints: another input, another name; the same input, the same name, wherever it lies in memory."""

from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.dragging import state
from dragvideo_core.files.edit_file import clip_fingerprint
from dragvideo_core.files.fingerprint import fingerprint, is_of_version_0_1
from dragvideo_core.stages.drag import DragSettings
from dragvideo_core.types import Inversion


class Held(torch.nn.Module):
    """A module with one weight."""

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.register_buffer("weight", weight)


def as_tensor(value: torch.Tensor) -> str:
    return fingerprint(value)


def as_weight(value: torch.Tensor) -> str:
    return fingerprint(Held(value))


WAYS = pytest.mark.parametrize("name_of", [as_tensor, as_weight])


@WAYS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.uint8, torch.bool])
def test_a_fingerprint_sees_every_number_and_not_where_it_lies(name_of, dtype):
    values = (torch.rand(137, 311, generator=torch.Generator().manual_seed(0)) * 100).to(dtype)
    name = name_of(values)
    assert name_of(torch.cat([values[:3], values])[3:]) == name  # begins anywhere in memory
    assert name_of(values.t().contiguous().t()) == name
    assert name_of(values[:, 3]) == name_of(values[:, 3].clone())
    assert name_of(values.flatten()) != name
    for row, column in ((0, 0), (17, 5), (136, 309), (136, 310)):
        other = values.clone()
        other[row, column] = 0
        other[row, column] = other[row, column] == values[row, column]
        assert name_of(other) != name


@WAYS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.bool])
@pytest.mark.parametrize("moved", [(1, 0), (8, 0), (64, 0), (0, 1), (0, 8), (0, 64), (3, 40)])
def test_what_has_moved_has_another_name(name_of, dtype, moved):
    """A square on black, as masks and clips have them: the numbers are the same, their places are not."""
    square = torch.zeros(3, 1, 256, 256, dtype=dtype)
    square[..., 64:128, 64:128] = 1
    assert name_of(square.roll(moved, (2, 3))) != name_of(square)


@WAYS
def test_two_signs_that_are_swapped_change_the_name(name_of):
    """The sign is the highest bit of a word, which a sum with odd weights sees everywhere alike."""
    values = torch.rand(64, 1024, generator=torch.Generator().manual_seed(0)) + 1
    one, two = values.clone(), values.clone()
    one[3, 1] *= -1
    two[3, 9] *= -1
    assert len({name_of(values), name_of(one), name_of(two)}) == 3


@WAYS
def test_the_shape_the_kind_and_the_name_belong_to_it(name_of):
    values = torch.zeros(2, 6)
    others = values.reshape(3, 4), values.half(), torch.zeros(2, 7), torch.zeros(0), torch.zeros(0, 3), torch.zeros(())
    assert len({name_of(value) for value in (values, *others)}) == 7


def test_values_do_not_run_together():
    assert fingerprint(1, 23) != fingerprint(12, 3) != fingerprint("12", "3") != fingerprint("1", "23")
    assert fingerprint(torch.zeros(2), torch.zeros(1)) != fingerprint(torch.zeros(1), torch.zeros(2))
    assert fingerprint(Held(torch.ones(2, 2))) != fingerprint(Held(torch.zeros(2, 2)))


def test_a_drag_with_a_moved_mask_or_moved_points_is_another_work():
    """It was resumed from the old mask's state."""
    tracks, inversion = tiny_tracks(), Inversion(torch.zeros(5, 3, 4, 16, 16), torch.arange(5))
    others = [tracks, replace(tracks, handles=tracks.handles.flip(1)), replace(tracks, visible=~tracks.visible)]
    others += [replace(tracks, edit_mask=tracks.edit_mask.roll(by, 3)) for by in (1, 8, 16, 24)]
    model = tiny_model()
    names = {state.name(inversion, each, model, DragSettings(), None) for each in others}
    assert len(names) == len(others)


def test_a_clip_whose_picture_has_moved_is_another_clip():
    clip = tiny_clip(2)
    white = torch.zeros_like(clip.frames)
    white[..., 16:24, 16:24] = 1
    names = {clip_fingerprint(replace(clip, frames=white.roll(by, dim))) for by in (0, 8, 32) for dim in (2, 3)}
    assert len(names) == 5
    assert clip_fingerprint(replace(clip, fps=3.0)) == clip_fingerprint(clip)


def test_an_older_fingerprint_is_told_from_one_of_today():
    assert is_of_version_0_1("0af1" * 16)
    assert not is_of_version_0_1(fingerprint(1)) and not is_of_version_0_1("") and not is_of_version_0_1("x" * 64)
