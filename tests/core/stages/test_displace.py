import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from dragvideo_core.displacement.mesh import place_in
from dragvideo_core.stages.displace import DisplaceSettings, bend_layers, displace, render
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


def energy(picture: torch.Tensor) -> float:
    """Of the gradients of a picture (3, H, W)."""
    return sum(picture.diff(dim=axis).square().mean().item() for axis in (1, 2))


@pytest.mark.parametrize("way", [(12.0, 8.0), (12.5, 8.5), (12.3, 7.8)])
def test_what_moves_between_pixels_stays_as_sharp_as_it_was(way):
    clip, tracks = scene(layer=box(48, 48, 75, 71), pairs=(((60.0, 60.0), (60.0 + way[0], 60.0 - way[1])),))
    fine = torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(0))
    clip = replace(clip, frames=torch.nn.functional.avg_pool2d(fine, 2, 1, 1)[..., 1:, 1:])
    done = displace(clip, tracks)
    before, after = clip.frames[0, :, 50:70, 50:74], done.frames[0, :, 42:62, 62:86]
    assert 0.9 < energy(after) / energy(before) < 1.15


def test_what_is_stretched_loses_no_more_than_its_length():
    """Edges in a bar that gets longer: their contrast stays, and there are as many."""
    bar = box(40, 54, 120, 65)
    clip, tracks = scene(layer=bar, pairs=(((110.0, 60.0), (134.0, 60.0)), ((50.0, 60.0), (50.0, 60.0))))
    stripes = (torch.arange(SIZE[1]) // 5 % 2).float().expand(1, 3, *SIZE).clone()
    done = displace(replace(clip, frames=stripes), tracks)
    places = done.backward[0, 60, :, 0]
    same = torch.nonzero((places >= 62) & (places < 98))  # where columns 62 to 98 have gone
    across = [
        picture[:, 57:63, first : last + 1].diff(dim=2).square().sum().item()
        for picture, first, last in ((stripes[0], 62, 97), (done.frames[0], int(same.min()), int(same.max())))
    ]
    assert done.stretch[0, 0, 60, 90] > 1.2 and 0.6 < across[1] / across[0] < 1.4


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
    assert torch.allclose(moved(done, 72, 52), torch.tensor([12.0, -8.0]), atol=0.2)
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


def hidden_scene():
    """A disc that a pole hides in the middle one of three frames, where its set is hidden and lost."""
    y, x = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="ij")
    whole = ((x - 70) ** 2 + (y - 60) ** 2 <= 14**2).float()
    pole = torch.zeros(3, *SIZE)
    pole[1, :, 66:75] = 1
    clip, tracks = scene(layer=whole[None], pairs=(((70.0, 60.0), (84.0, 60.0)),), count=3)
    frames = torch.where(pole[:, None] > 0, torch.tensor([0.1, 0.1, 0.9])[:, None, None], clip.frames)
    visible, handles = tracks.visible.clone(), tracks.handles.clone()
    visible[1] = False
    handles[1] = handles[1] + torch.tensor([-60.0, 0.0])
    layer = (whole * (1 - pole))[:, None]
    targets = tracks.targets + handles - tracks.handles
    moved_tracks = replace(tracks, visible=visible, handles=handles, targets=targets, layer=layer, front=pole[:, None])
    return VideoClip(frames, clip.source_index, 8.0), moved_tracks, clip


def test_hidden_behind_a_pole_it_moves_as_in_the_frames_around_and_the_pole_stays_whole():
    clip, tracks, bare = hidden_scene()
    done = displace(clip, tracks)
    assert torch.equal(done.frames[1, :, :, 66:75], clip.frames[1, :, :, 66:75])
    assert torch.allclose(moved(done, 88, 60, 1), torch.tensor([14.0, 0.0]), atol=0.3)
    assert (done.matte[1, 0, 60, 75:97] > 0.9).all()
    came_out = done.frames[1, :, 54:67, 80:88] - bare.frames[1, :, 54:67, 66:74]  # hidden in this frame, shown in the others
    assert came_out.abs().mean() < 0.02


@pytest.mark.parametrize("width, goes_on", [(6, False), (40, True)])
def test_what_the_border_cuts_goes_on_no_further_than_it_is_wide(width: int, goes_on: bool):
    """A thing that touches the border with a tip only is not drawn out to a string."""
    layer = torch.maximum(box(62 - width // 2, 0, 62 + width // 2, 12), box(42, 10, 82, 40))
    clip, tracks = scene(layer=layer, mask=box(10, 0, 180, 118), pairs=(((62.0, 25.0), (62.0, 40.0)),))
    done = displace(clip, tracks)
    assert (done.matte[0, 0, 27:50, 50:74] > 0.9).all()
    assert bool((done.matte[0, 0, 0:10, 62] > 0.9).all()) == goes_on and bool((done.matte[0, 0, 0:10] < 0.1).all()) != goes_on


def test_a_pin_on_the_ground_beside_the_layer_asks_for_nothing():
    clip, tracks = scene(layer=box(48, 48, 75, 71))
    pin = torch.full_like(tracks.handles[:, :1], 10.0)
    pinned = replace(
        tracks,
        handles=torch.cat([tracks.handles, pin], 1),
        targets=torch.cat([tracks.targets, pin], 1),
        visible=torch.cat([tracks.visible, tracks.visible[:, :1]], 1),
        is_foreground=torch.cat([tracks.is_foreground, tracks.is_foreground[:, :1]], 1),
    )
    assert torch.equal(displace(clip, pinned).frames, displace(clip, tracks).frames)
    away = replace(pinned, targets=torch.cat([tracks.targets, pin + 5], 1))
    with pytest.raises(UserError, match="pair 2 lies on no layer"):
        displace(clip, away)


def test_a_frame_whose_points_are_off_the_layer_takes_its_neighbours_way():
    clip, tracks = scene(layer=box(48, 48, 75, 71), count=3)
    handles = tracks.handles.clone()
    handles[1] += torch.tensor([80.0, 30.0])
    done = displace(clip, replace(tracks, handles=handles, targets=tracks.targets + handles - tracks.handles))
    inside = done.matte[0, 0] > 0.5
    assert torch.equal(done.matte[1, 0] > 0.5, inside)
    assert torch.allclose(done.backward[1][inside], done.backward[0][inside], atol=0.1)


def test_an_empty_layer_in_one_frame_leaves_that_frame_alone():
    clip, tracks = scene(layer=box(48, 48, 75, 71), count=3)
    layer = tracks.layer.clone()
    layer[1] = 0
    done = displace(clip, replace(tracks, layer=layer))
    assert torch.equal(done.frames[1], clip.frames[1]) and not torch.equal(done.frames[0], clip.frames[0])


def test_a_layer_that_is_full_or_empty_everywhere():
    clip, tracks = scene(layer=box(48, 48, 75, 71))
    full = displace(clip, replace(tracks, layer=torch.ones_like(tracks.layer)))
    assert moved(full, 72, 52).norm() > 12
    with pytest.raises(UserError, match="empty in every frame"):
        displace(clip, replace(tracks, layer=torch.zeros_like(tracks.layer)))


def test_of_two_pieces_only_the_one_with_the_handle_moves():
    layer = (box(48, 48, 75, 71) + box(110, 48, 140, 71)).clamp(max=1)
    clip, tracks = scene(layer=layer)
    done = displace(clip, tracks)
    assert torch.equal(done.frames[..., 100:], clip.frames[..., 100:])
    assert torch.allclose(moved(done, 72, 52), torch.tensor([12.0, -8.0]), atol=0.1)


def test_two_opposed_pairs_turn_a_thing():
    layer = box(48, 48, 75, 71)
    clip, tracks = scene(layer=layer, pairs=(((53.0, 60.0), (53.0, 68.0)), ((70.0, 60.0), (70.0, 52.0))))
    done = displace(clip, tracks)
    assert moved(done, 53, 67)[1] > 5 and moved(done, 70, 53)[1] < -5
    assert done.stretch[0, 0][done.matte[0, 0] > 0.9].median() < 1.2


def test_what_leaves_the_picture_goes_on_beyond_its_border():
    """A bar that runs out of the picture is drawn inwards: its end does not come into sight."""
    mask = box(0, 10, 180, 118)
    clip, tracks = scene(layer=box(0, 50, 60, 70), mask=mask, pairs=(((50.0, 60.0), (62.0, 60.0)),))
    done = displace(clip, tracks)
    assert (done.matte[0, 0, 52:69, 0] > 0.9).all() and not done.freed[0, 0, 52:69, :40].any()


def test_the_bent_mesh_can_be_drawn_at_twice_the_size():
    clip, tracks = scene(layer=box(48, 48, 75, 71))
    bents = bend_layers(clip, tracks)
    small = render(clip, tracks, bents)
    larger = {
        name: getattr(tracks, name).float().repeat_interleave(2, -1).repeat_interleave(2, -2) for name in ("edit_mask", "layer")
    }
    large_clip = VideoClip(clip.frames.repeat_interleave(2, -1).repeat_interleave(2, -2), clip.source_index, clip.fps)
    large = render(large_clip, replace(tracks, edit_mask=larger["edit_mask"] > 0, layer=larger["layer"]), bents)
    there = (large.backward[0, 104, 144] + 0.5) / 2 - 0.5
    assert torch.allclose(there, small.backward[0, 52, 72] - 0.25, atol=0.05)
    assert torch.allclose(torch.nn.functional.avg_pool2d(large.matte, 2), small.matte, atol=0.15)


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


def test_a_handle_outside_of_the_edit_mask_is_said_once_with_its_frames():
    pairs = (((60.0, 60.0), (72.0, 52.0)), ((70.0, 65.0), (70.0, 65.0)), ((20.0, 60.0), (30.0, 60.0)))
    clip, tracks = scene(layer=box(10, 48, 90, 71), mask=box(40, 30, 110, 90), pairs=pairs, count=3)
    with pytest.warns(UserWarning, match="handle 3 lies outside the edit mask in frames 1, 2, 3") as caught:
        done = displace(clip, tracks)
    assert len(caught) == 1 and torch.allclose(moved(done, 72, 52), torch.tensor([12.0, -8.0]), atol=0.5)


def test_a_pin_or_a_hidden_handle_outside_of_the_edit_mask_is_no_fault():
    pairs = (((60.0, 60.0), (72.0, 52.0)), ((20.0, 60.0), (20.0, 60.0)), ((25.0, 60.0), (30.0, 60.0)))
    clip, tracks = scene(layer=box(10, 48, 90, 71), mask=box(40, 30, 110, 90), pairs=pairs)
    visible = tracks.visible.clone()
    visible[:, 2] = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        displace(clip, replace(tracks, visible=visible))


def test_a_head_whose_top_sticks_out_of_the_edit_mask_is_not_drawn_out_to_a_spike():
    neck_and_head = box(56, 70, 64, 127) + box(44, 40, 76, 70)
    clip, tracks = scene(layer=neck_and_head.clamp(max=1), mask=box(30, 42, 120, 110), pairs=(((60.0, 56.0), (72.0, 60.0)),))
    result = displace(clip, tracks)
    assert torch.allclose(moved(result, 72, 50), torch.tensor([12.0, 4.0]), atol=1.5)
    outside = ~tracks.edit_mask.expand_as(clip.frames)
    assert torch.equal(result.frames[outside], clip.frames[outside])


def test_where_no_thing_is_known_and_no_point_is_seen_for_long_the_ground_is_left_alone():
    """A man walks out of the picture: the cars behind him went on bending."""
    clip, tracks = scene(count=20)
    shown = torch.arange(20)[:, None, None] < 4
    tracks = replace(tracks, visible=tracks.visible & shown)
    edited = displace(clip, tracks)
    changed = (edited.frames != clip.frames).flatten(1).any(1)
    assert changed[:8].all() and not changed[16:].any()
    longest = [float((edited.backward[i] - edited.backward[-1]).norm(dim=-1).max()) for i in range(3, 16)]
    assert longest == sorted(longest, reverse=True)


def test_a_thin_part_keeps_still_over_ground_that_runs_by():
    """The edge of a neck goes through other cells of the mesh in every frame, and beside it the ground's flow was taken for its
    own: it trembled."""
    count, (height, width) = 9, SIZE
    ground, look = noise(1, (height, 2 * width))[0], noise(1)[0].flip(1)
    wide = torch.tensor([6, 8, 5, 7, 6, 9, 5, 8, 6])
    column, row = torch.arange(width)[None], torch.arange(height)[:, None]
    neck = torch.stack([(column >= 90 - one) & (column <= 90 + one) & (row >= 20) for one in wide.tolist()])
    clip, tracks = scene(neck.float(), mask=box(40, 0, 150, 100), pairs=(((90.0, 26.0), (106.0, 28.0)),), count=count)
    backdrop = torch.stack([ground[:, :, 5 * i : 5 * i + width] for i in range(count)])
    still = (column >= 84) & (column <= 96) & (row >= 20)
    bents = bend_layers(replace(clip, frames=torch.where(still, look, backdrop)), tracks)
    places = np.array([[x, y] for x in (86.0, 90.0, 94.0) for y in range(45, 90, 5)])
    ways = []
    for bent in bents:
        assert bent is not None
        cell, shares = place_in(bent.mesh, places)
        ways.append((bent.moved[bent.mesh.cells[cell]] * shares[..., None]).sum(1))
    trembles = np.linalg.norm(np.diff(np.stack(ways), 2, axis=0), axis=-1)
    assert trembles.max() < 0.5  # 1.3 with one round of the mean
