"""Ground that came free shows the ground: nothing in it tells what the thing looked like that covered it before."""

from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.points.sampling import cell_centres, mask_to_cells
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import Displacement

SIDE, FRAMES, STEP = 64, 2, 12
OLD, NEW = (slice(16, 40), slice(8, 24)), (slice(16, 40), slice(32, 48))  # rows and columns of the thing


def scene(look: torch.Tensor):
    """A thing (3, 24, 16) on the ground of the tiny clip, its tracks, and its displacement by 24 px to the right."""
    ground = tiny_clip(FRAMES)
    frames, moved = ground.frames.clone(), ground.frames.clone()
    frames[(..., *OLD)], moved[(..., *NEW)] = look, look
    layer, matte = torch.zeros(FRAMES, 1, SIDE, SIDE), torch.zeros(FRAMES, 1, SIDE, SIDE)
    layer[(..., *OLD)], matte[(..., *NEW)] = 1, 1
    backward = cell_centres((SIDE, SIDE), (SIDE, SIDE)).repeat(FRAMES, 1, 1, 1)
    backward[(slice(None), *NEW)] -= torch.tensor([24.0, 0.0])
    displaced = Displacement(moved, backward, matte, layer > 0, torch.zeros_like(layer) > 0, torch.ones_like(layer))
    tracks = tiny_tracks(FRAMES)
    handles = tracks.handles[:, :1] * 0 + torch.tensor([16.0, 28.0])
    points = {name: getattr(tracks, name)[:, :1] for name in ("is_foreground", "visible")}
    whole = torch.ones(FRAMES, 1, SIDE, SIDE, dtype=torch.bool)
    tracks = replace(tracks, handles=handles, targets=handles + torch.tensor([24.0, 0.0]), edit_mask=whole, layer=layer, **points)
    return replace(ground, frames=frames), tracks, displaced


@pytest.mark.parametrize("iterations", [0, 1])
def test_freed_ground_does_not_tell_what_covered_it(iterations):
    """Two clips that differ in the thing's look alone. Before, the noise, the residual and the attention brought it back."""
    model, looks = tiny_model(), torch.rand(2, 3, 24, 16, generator=torch.Generator().manual_seed(0))
    settings = DragSettings(steps=(STEP,), iterations=iterations, refine=iterations, learning_rate=0.05)
    latents = {True: [], False: []}
    for look in looks:
        clip, tracks, displaced = scene(look)
        inversion = invert(clip, model, InvertSettings(until=STEP))
        for layered, found in latents.items():
            moved = displaced if layered else None
            edit = drag(inversion, tracks, model, settings, displaced=moved)
            decoded = DecodeSettings(keep_pixels=False, paint_from=4)
            found.append(decode(clip, inversion, edit, tracks, model, decoded, displaced=moved)[1])
    inside = mask_to_cells(displaced.freed, (16, 16)).bool()
    differs = {layered: ((one - other).abs() * inside).sum().item() for layered, (one, other) in latents.items()}
    assert differs[True] < 0.2 * differs[False]
