import warnings
from dataclasses import replace

import pytest
import torch

from dragvideo_core.stages.displace import DisplaceSettings, displace
from dragvideo_core.types import PointTracks, UserError, VideoClip

SIZE = (128, 192)


def noise(count: int, size=SIZE) -> torch.Tensor:
    """A picture with detail everywhere, the same in every frame."""
    picture = torch.rand(1, 3, size[0] // 4, size[1] // 4, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(picture, size=size, mode="bicubic").clamp(0, 1)
    return smooth.expand(count, -1, -1, -1).clone()


def square_set(x: float, y: float) -> torch.Tensor:
    steps = torch.tensor([-2.0, 0.0, 2.0])
    return torch.tensor([x, y]) + torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)


def box(left: int, top: int, right: int, bottom: int, size=SIZE) -> torch.Tensor:
    """1 from left to right and top to bottom, the last pixels included: (1, H, W)."""
    picture = torch.zeros(1, *size)
    picture[:, top : bottom + 1, left : right + 1] = 1
    return picture


def scene(layer=None, mask=None, pairs=(((60.0, 60.0), (72.0, 52.0)),), count=1, front=None):
    """A clip of noise with red where the layer is, and its tracks."""
    frames = noise(count)
    if layer is not None:
        red = torch.tensor([0.9, 0.1, 0.1])[:, None, None]
        frames = torch.where(layer[:, None] > 0.5, 0.3 * frames + 0.7 * red, frames)
    handles = torch.stack([square_set(*handle) for handle, _ in pairs]).expand(count, -1, -1, -1)
    targets = torch.stack([square_set(*target) for _, target in pairs]).expand(count, -1, -1, -1)
    seen = torch.ones(handles.shape[:3], dtype=torch.bool)
    tracks = PointTracks(
        handles=handles,
        targets=targets,
        is_foreground=seen,
        visible=seen,
        edit_mask=(mask if mask is not None else box(10, 10, 180, 118)).bool().expand(count, *SIZE)[:, None],
        mask_points=torch.zeros(count, 0, 2),
        layer=None if layer is None else layer.expand(count, *SIZE)[:, None].float(),
        front=None if front is None else front.expand(count, *SIZE)[:, None].float(),
    )
    return VideoClip(frames, torch.arange(count), 8.0), tracks


def moved(displacement, x: int, y: int, frame: int = 0) -> torch.Tensor:
    """By how much what shows at a pixel has moved."""
    return torch.tensor([float(x), float(y)]) - displacement.backward[frame, y, x]


def test_a_thing_inside_the_mask_moves_as_one_piece():
    clip, tracks = scene(layer=box(48, 48, 75, 71))
    done = displace(clip, tracks)
    assert torch.allclose(done.frames[0, :, 44:60, 64:84], clip.frames[0, :, 52:68, 52:72], atol=2e-3)
    inside = done.matte[0, 0] > 0.99
    assert torch.allclose(done.stretch[0, 0][inside], torch.ones(()), atol=1e-3)
    expected = box(60, 40, 87, 63)[0] > 0
    assert torch.equal(done.matte[0, 0] > 0.5, expected)


def test_only_what_moved_or_came_free_is_touched():
    layer = box(48, 48, 75, 71)
    clip, tracks = scene(layer=layer)
    done = displace(clip, tracks)
    changed = (done.frames != clip.frames).any(1)[0]
    reach = torch.nn.functional.max_pool2d((layer + box(60, 40, 87, 63)).clamp(max=1)[None], 7, 1, 3)[0, 0] > 0
    assert not (changed & ~reach).any()
    assert done.freed[0, 0, 70, 50] and not done.freed[0, 0, 45, 85]


def test_a_drag_of_length_nought_gives_the_clip_bit_for_bit():
    for layer in (box(48, 48, 75, 71), None):
        clip, tracks = scene(layer=layer, pairs=(((60.0, 60.0), (60.0, 60.0)),))
        done = displace(clip, tracks)
        assert torch.equal(done.frames, clip.frames)
        assert not done.freed.any()


def test_outside_of_the_mask_nothing_changes():
    mask = box(40, 40, 100, 90)
    for layer in (box(48, 0, 75, 127), None):
        clip, tracks = scene(layer=layer, mask=mask)
        done = displace(clip, tracks)
        outside = ~tracks.edit_mask.expand_as(clip.frames)
        assert torch.equal(done.frames[outside], clip.frames[outside])
        assert not torch.equal(done.frames, clip.frames)


def test_without_a_layer_the_rim_of_the_mask_is_held():
    mask = box(40, 40, 100, 90)
    clip, tracks = scene(mask=mask)
    done = displace(clip, tracks)
    assert torch.allclose(moved(done, 72, 52), torch.tensor([12.0, -8.0]), atol=0.1)
    assert moved(done, 41, 65).norm() < 1.5 and moved(done, 70, 89).norm() < 1.5
    assert not done.freed.any()


def test_a_pin_holds_and_the_other_end_moves():
    clip, tracks = scene(layer=box(30, 55, 120, 66), pairs=(((110.0, 60.0), (110.0, 48.0)), ((40.0, 60.0), (40.0, 60.0))))
    done = displace(clip, tracks)
    assert torch.allclose(moved(done, 110, 48), torch.tensor([0.0, -12.0]), atol=0.1)
    assert moved(done, 40, 60).norm() < 0.1


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["handles", "targets", "layer", "front"])
def test_what_is_not_finite_is_told(name, value):
    clip, tracks = scene(layer=box(48, 48, 75, 71), front=box(0, 0, 3, 3))
    bad = getattr(tracks, name).clone()
    bad.view(-1)[3] = value
    with pytest.raises(UserError, match="NaN"):
        displace(clip, replace(tracks, **{name: bad}))


def test_a_handle_on_no_layer_is_told_with_the_nearest_place():
    clip, tracks = scene(layer=box(100, 48, 140, 71))
    with pytest.raises(UserError, match=r"pair 1 .* \(100, 60\) in frame 1, 40 px"):
        displace(clip, tracks)


def test_a_fold_is_undone_and_told():
    """The tip of a bar is pulled over its own held end."""
    mask = box(40, 10, 180, 118)
    clip, tracks = scene(layer=box(20, 50, 80, 70), mask=mask, pairs=(((70.0, 60.0), (20.0, 60.0)),))
    with pytest.warns(UserWarning, match="fold the thing over itself in frame 1"):
        done = displace(clip, tracks)
    places = done.backward[0, 60, :, 0][done.matte[0, 0, 60] > 0.5]
    assert (places.diff() > 0).all()


def test_settings_out_of_range_are_told():
    clip, tracks = scene(layer=box(48, 48, 75, 71))
    with pytest.raises(UserError, match="stiffness"):
        displace(clip, tracks, DisplaceSettings(stiffness=1.5))


def test_no_warning_for_a_plain_drag():
    clip, tracks = scene(layer=box(48, 0, 75, 71))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        displace(clip, tracks)
