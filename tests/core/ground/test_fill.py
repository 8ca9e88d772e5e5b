"""The freed ground: what other frames show comes back exactly, the rest is filled, nothing else changes."""

import numpy as np
import pytest
import torch
from einops import rearrange
from torch.nn import functional

from dragvideo_core.ground import fill, motion
from dragvideo_core.ground.smooth import best_weights, smooth_fill
from dragvideo_core.types import OnProgress, UserError, ignore_progress

THING = torch.tensor([1.0, 0.0, 1.0])[:, None, None]  # a colour that the ground has nowhere


def fill_freed(
    frames: torch.Tensor, covered: torch.Tensor, freed: torch.Tensor, on_progress: OnProgress = ignore_progress
) -> tuple[torch.Tensor, torch.Tensor]:
    """`fill.fill_freed` for frames (N, 3, H, W) and masks (N, 1, H, W): the frames with the ground in them, and the mask."""
    pictures = list(rearrange(frames.numpy(), "n c h w -> n h w c"))
    colours, shown = fill.fill_freed(pictures, covered[:, 0].numpy(), freed[:, 0].numpy(), on_progress)
    ground = frames.clone()
    for picture, hole, values in zip(ground, freed[:, 0], colours, strict=True):
        picture[:, hole] = torch.from_numpy(values.T)
    return ground, torch.from_numpy(shown)[:, None]


def world(height: int = 96, width: int = 160, seed: int = 0) -> torch.Tensor:
    """A textured ground (3, H, W) in [0.2, 0.8], without any magenta."""
    noise = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))
    smooth = functional.avg_pool2d(functional.pad(noise, [3] * 4, mode="reflect"), 7, 1)[0]
    return ((smooth - 0.5) * 2 + 0.5).clamp(0.2, 0.8)


def shot(ground: torch.Tensor, shifts, places, size=(64, 80), radius: int = 8):
    """Frames of a ground that moves by `shifts` [(x, y)], a square thing in front at `places` [(x, y)]: frames, covered, truth."""
    height, width = size
    truth = torch.stack([ground[:, 16 - y : 16 - y + height, 40 - x : 40 - x + width] for x, y in shifts])
    covered = torch.zeros(len(truth), 1, height, width, dtype=torch.bool)
    for mask, (x, y) in zip(covered, places, strict=True):
        mask[:, max(0, y - radius) : y + radius, max(0, x - radius) : x + radius] = True
    return torch.where(covered, THING, truth), covered, truth


STILL = [(0, 0)] * 4
WALKS = [(16, 30), (34, 30), (52, 30), (70, 30)]


def test_a_still_camera_and_a_moving_thing_give_the_ground_back_exactly():
    frames, covered, truth = shot(world(), STILL, WALKS)
    ground, shown = fill_freed(frames, covered, covered)
    assert torch.equal(shown, covered) and torch.allclose(ground, truth, atol=2e-3)


@pytest.mark.parametrize("step, most", [((0, 0), 2e-3), ((4, -2), 0.02), ((3, -1), 0.03)])
def test_large_pictures_are_compared_made_smaller_and_filled_at_their_own_size(step, most: float, monkeypatch):
    monkeypatch.setattr(motion, "LARGE", 64)
    shifts = [(i * step[0], i * step[1]) for i in range(4)]
    ground = functional.interpolate(world(112, 200)[None], scale_factor=2, mode="bicubic", align_corners=False)[0].clamp(0, 1)
    frames, covered, truth = shot(ground, shifts, [(40, 60), (80, 60), (120, 62), (150, 60)], (131, 181), 14)
    filled, shown = fill_freed(frames, covered, covered)
    assert shown[covered].float().mean() > 0.9
    assert float(((filled - truth).square() * shown).sum() / (3 * shown.sum())) ** 0.5 < most


def test_a_ground_that_moves_by_whole_pixels_comes_back_exactly():
    shifts = [(0, 0), (3, -1), (6, -2), (9, -3)]
    frames, covered, truth = shot(world(), shifts, [(60, 30), (42, 30), (30, 30), (14, 30)])
    ground, shown = fill_freed(frames, covered, covered)
    assert shown[covered].float().mean() > 0.9
    assert ((ground - truth).abs() * shown).max() < 4e-3


def test_a_ground_that_turns_and_grows_comes_back_sharp():
    large = world(96, 96)
    turn = [torch.tensor([[1 + 0.02 * i, 0.02 * i, 0.03 * i], [-0.02 * i, 1 + 0.02 * i, 0.0]]) for i in range(4)]
    grids = functional.affine_grid(torch.stack(turn) * 0.8, [4, 3, 96, 96], align_corners=False)
    truth = functional.grid_sample(
        large[None].expand(4, -1, -1, -1), grids, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    covered = torch.zeros(4, 1, 96, 96, dtype=torch.bool)
    for mask, x in zip(covered, (20, 40, 60, 80), strict=True):
        mask[:, 40:56, x - 8 : x + 8] = True
    frames = torch.where(covered, THING, truth)
    ground, shown = fill_freed(frames, covered, covered)
    assert shown[covered].float().mean() > 0.8
    assert ((ground - truth).square() * shown).sum() / (3 * shown.sum()) < 0.01**2


@pytest.mark.parametrize("shifts", [STILL, [(0, 0), (2, 1), (4, 2), (6, 3)]])
def test_nothing_outside_of_the_freed_pixels_changes(shifts):
    frames, covered, _ = shot(world(), shifts, [(8, 30), (20, 30), (32, 30), (40, 30)])
    freed = covered.clone()
    freed[..., 30:] = False
    before = frames.clone()
    ground, shown = fill_freed(frames, covered, freed)
    assert torch.equal(torch.where(freed, 0, ground), torch.where(freed, 0, before))
    assert torch.equal(frames, before) and not (shown & ~freed).any()
    assert (
        ground.dtype == frames.dtype and ground.shape == frames.shape and shown.shape == freed.shape and shown.dtype == torch.bool
    )


@pytest.mark.parametrize("shifts", [STILL, [(0, 0), (2, 1), (4, 2), (6, 3)]])
def test_covered_pixels_are_never_taken_for_ground(shifts):
    frames, covered, _ = shot(world(), shifts, [(20, 30), (28, 32), (36, 30), (42, 34)])
    freed = covered.clone()
    freed[:, :, :30] = False  # the lower half alone is freed: the upper one still lies at its rim
    other = torch.where(covered, 1 - frames, frames)  # another thing in the same place
    for one, two in zip(fill_freed(frames, covered, freed), fill_freed(other, covered, freed), strict=True):
        assert torch.equal(torch.where(freed, one, one[:0].new_zeros(())), torch.where(freed, two, two[:0].new_zeros(())))


def test_another_light_in_the_other_frame_leaves_no_seam():
    frames, covered, truth = shot(world(), STILL, WALKS)
    light = torch.tensor([1.0, 0.93, 1.0, 1.05])[:, None, None, None]
    ground, shown = fill_freed((frames * light).clamp(0, 1), covered, covered)
    assert shown[covered].float().mean() > 0.95
    assert (ground - truth * light).abs()[shown.expand_as(ground)].mean() < 0.01


def test_what_no_frame_shows_is_smooth_and_stays_the_same_from_frame_to_frame():
    shifts = [(0, 0), (2, 0), (4, 0), (6, 0)]
    frames, covered, _ = shot(world(), shifts, [(40 + x, 30) for x, _ in shifts])
    ground, shown = fill_freed(frames, covered, covered)
    assert not shown.any()
    inside = torch.stack([picture[:, 22:38, 32 + x : 48 + x] for picture, (x, _) in zip(ground, shifts, strict=True)])
    assert inside.min() >= 0.15 and inside.max() <= 0.85  # no magenta
    assert (inside - inside[:1]).abs().max() < 0.02


@pytest.mark.parametrize("grain, is_foretold", [(0.0, True), (0.01, True), (0.06, False)])
def test_ground_that_a_smooth_fill_foretells_is_filled_smoothly(grain: float, is_foretold: bool):
    """Layers of a landscape: with a grain of film in them a smooth fill would be blurred."""
    layers = torch.linspace(0, 12, 64).sin()[None, :, None].expand(3, 64, 80) * 0.25 + 0.5
    noise = torch.randn(layers.shape, generator=torch.Generator().manual_seed(1))
    frames = (layers + grain * noise)[None].contiguous()
    hole = torch.zeros(1, 1, 64, 80, dtype=torch.bool)
    hole[:, :, 10:54, 36:44] = True
    picture, known = rearrange(frames[0].numpy(), "c h w -> h w c"), ~hole[0, 0].numpy()
    weights, foretells = best_weights(picture, known)
    assert foretells == is_foretold
    ground, _ = fill_freed(frames, hole, hole)
    smooth = torch.from_numpy(smooth_fill(picture, known, ~known, weights)).permute(2, 0, 1)
    assert torch.allclose(ground[0], smooth, atol=1e-5) == is_foretold


def test_one_frame():
    frames, covered, truth = shot(world(), STILL[:1], WALKS[:1])
    ground, shown = fill_freed(frames, covered, covered)
    assert not shown.any()
    assert (
        (ground - truth).square()[covered.expand_as(truth)].mean()
        < 0.1**2
        < (frames - truth).square()[covered.expand_as(truth)].mean()
    )


@pytest.mark.parametrize("place", [(0, 0), (80, 64), (0, 30), (40, 64)])
def test_a_hole_at_the_border(place):
    frames, covered, truth = shot(world(), STILL, [place] * 3 + [(40, 30)])
    ground, shown = fill_freed(frames, covered, covered)
    assert torch.equal(shown, covered) and torch.allclose(ground, truth, atol=4e-3)


def test_frames_that_are_covered_all_over():
    frames, covered, _ = shot(world(), STILL, WALKS)
    everything = torch.ones_like(covered)
    ground, shown = fill_freed(frames, everything, covered)
    assert not shown.any() and torch.isfinite(ground).all() and ((ground >= 0) & (ground <= 1)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pictures_in_bytes_are_filled_as_those_in_floats(dtype: type):
    frames, covered, _ = shot(world(), [(0, 0), (3, -1), (6, -2), (9, -3)], [(60, 30), (42, 30), (30, 30), (14, 30)])
    most = np.iinfo(dtype).max
    octets = [(picture * most).round().astype(dtype) for picture in rearrange(frames.numpy(), "n c h w -> n h w c")]
    floats = [picture.astype(np.float32) / np.float32(most) for picture in octets]
    masks = covered[:, 0].numpy(), covered[:, 0].numpy()
    (made, shown), (wanted, as_wanted) = (fill.fill_freed(pictures, *masks) for pictures in (octets, floats))
    assert np.array_equal(shown, as_wanted)
    assert all(one.dtype == np.float32 and np.abs(one - two).max() < 1e-6 for one, two in zip(made, wanted, strict=True))


def test_nothing_freed_is_the_same_clip():
    frames, covered, _ = shot(world(), STILL, WALKS)
    ground, shown = fill_freed(frames, covered, torch.zeros_like(covered))
    assert torch.equal(ground, frames) and not shown.any()


def test_progress_ends_where_it_said():
    frames, covered, _ = shot(world(), STILL, WALKS)
    calls = []
    fill_freed(frames, covered, covered, lambda done, total, picture: calls.append((done, total)))
    assert [done for done, _ in calls] == list(range(1, len(calls) + 1)) and calls[-1] == (8, 8)


def test_masks_of_another_size_are_refused():
    frames, covered, _ = shot(world(), STILL, WALKS)
    with pytest.raises(UserError, match="same size"):
        fill_freed(frames, covered[:2], covered)
