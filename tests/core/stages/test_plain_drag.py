"""The drag against the paper written down plainly: one batch, the whole denoiser in the graph, float32, nothing saved.

Stated tolerance: losses to 1 part in 10,000, handles to 1e-3 px, and the offsets on average to 0.2 % of how far Adam can have
moved them (Adam divides by the gradient's own size: where a gradient is rounding noise, so is its sign).
"""

import math

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks
from torch.nn.functional import grid_sample

from dragvideo_core.diffusion.ddim import Ddim
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert

SIDE, CELLS = 64, 16
SETTINGS = DragSettings(iterations=4, learning_rate=0.05, warm_start=False, reach=0.0, turns=1, arrive=0.0)


def at(features, places):
    """Features (N, C, h, w) at places (N, ..., 2) px: (N, ..., C)."""
    grid = (2 * places + 1) / SIDE - 1
    found = grid_sample(features, grid.flatten(1, -2)[:, None], padding_mode="border", align_corners=False)
    return found[:, :, 0].movedim(1, -1).unflatten(1, places.shape[1:-1])


def plainly(z, tracks, model, settings):
    """Sec. 3.3 and 3.4, steps from high to low: offsets, handles after every iteration, and losses."""
    ddim, denoiser = Ddim(model.alphas_cumprod, model.prediction), model.denoiser.requires_grad_(True)
    steps, mask = (sorted(settings.steps, reverse=True), tracks.edit_mask.unflatten(2, (CELLS, 4)).unflatten(4, (CELLS, 4)))
    mask = mask.any(5).any(3).float()
    patch = torch.tensor([[2.0 * x, 2.0 * y] for y in (-1, 0, 1) for x in (-1, 0, 1)])  # cells of half the resolution
    handles, targets, seen = tracks.handles, tracks.targets, tracks.visible[..., None].float()
    offsets = {step: torch.zeros_like(z[step], requires_grad=True) for step in steps}
    optimiser, path, losses, first = torch.optim.Adam(offsets.values(), lr=settings.learning_rate), [handles], [], {}

    def look(x, step):
        caught = []
        hook = denoiser.up_blocks[2].register_forward_hook(lambda module, inputs, output: caught.append(output))
        output = denoiser(x, ddim.timestep(step), model.context.expand(len(x), -1, -1)).sample
        hook.remove()
        return caught[0], output

    def mean(values):  # Eq. 3
        return (values * seen[..., None]).sum(0) / seen.sum(0)[..., None]

    residual, template, above = {}, {}, None
    for step in steps:
        features, output = look(z[step], step)
        template[step] = mean(at(features, handles[..., None, :] + patch)).detach()
        if above:
            residual[step] = (z[step] - ddim.move(*above, step)).detach()
        above = z[step], output, step
    for _ in range(settings.iterations):
        left = (targets - handles).norm(dim=-1, keepdim=True)
        ahead = (targets - handles) / left
        moves = torch.arange(-3.0, 3.5, 0.5) * 2
        optimiser.zero_grad()
        total, line, newest, above = torch.zeros(2), 0, {}, None
        for step in steps:
            x = z[step] + offsets[step] * mask
            if above:
                x = z[step] + (ddim.move(*above, step).detach() + residual[step] - z[step] + offsets[step]) * mask
            features, output = look(x, step)
            gap = (at(features, (handles + 2 * ahead)[..., None, :] + patch) - template[step]).abs().mean(-1) * seen
            held = ((x - z[step]) * (1 - mask)).abs().sum()
            (gap.sum() + settings.mask_weight * held).backward()  # Eq. 4 and 5
            total += torch.stack([gap.sum(), held]).detach()
            along = at(features, handles[..., None, :] + moves[:, None] * ahead[..., None, :])
            apart = ((along - template[step][:, :, 4, None]).abs().mean(-1) * seen).sum(0)  # Eq. 6
            line = line + apart / apart.mean(-1, keepdim=True)
            distance = gap.sum(0).mean(-1) / seen[..., 0].sum(0)
            scale = first.setdefault(step, distance)
            share = 1 / (1 + torch.exp(math.log(9) / 0.6 * (distance / scale - 0.2)))  # footnote 2
            now = mean(at(features, handles[..., None, :] + patch))
            newest[step] = (share[..., None, None] * now + (1 - share[..., None, None]) * template[step]).detach()
            above = x, output, step
        optimiser.step()
        template = newest
        best = moves[line.masked_fill(moves > left.mean(0), math.inf).argmin(-1)]
        handles = handles + best[..., None] * ahead  # Eq. 7
        path.append(handles)
        losses.append(total)
    return offsets, torch.stack(path).detach(), torch.stack(losses)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_drag_equals_the_paper_written_down_plainly(prediction):
    model, tracks = tiny_model(prediction), tiny_tracks(3)
    z = invert(tiny_clip(3), model, InvertSettings())
    made = drag(z, tracks, model, SETTINGS)
    offsets, path, losses = plainly(z.latents, tracks, tiny_model(prediction), SETTINGS)
    assert (path[-1] - path[0]).norm(dim=-1).max() > 1  # there is something to compare
    torch.testing.assert_close(made.losses, losses, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(made.handle_path, path, rtol=0, atol=1e-3)
    for step, offset in offsets.items():
        assert offset.detach().abs().mean() > 0.1 * SETTINGS.learning_rate
        apart = (made.offsets[step] - offset.detach()).abs().mean()
        assert apart < 2e-3 * SETTINGS.learning_rate * SETTINGS.iterations
