"""Holes as a drag frees them, filled as painting finds them; the loss asks for the true ground in them and for nothing else."""

import numpy as np
import pytest
import torch

from dragvideo_core.diffusion.ddim import stable_diffusion_alphas
from dragvideo_core.embedded.drawn_clips import draw, draw_layers
from dragvideo_core.embedded.drawn_world import KINDS, random_pose, random_scene
from dragvideo_core.embedded.filling import filled, filling_loss, freed_by_drag

ALPHAS = stable_diffusion_alphas()
HOLE = torch.zeros(4, 1, 8, 8, dtype=torch.bool)
HOLE[..., 2:5, 3:7] = True


def drawing(kind: str):
    rng = np.random.default_rng(3)
    scene = random_scene(kind, rng)
    pose = random_pose(scene, rng, occluded=True)
    return scene, pose, *freed_by_drag(scene, pose, rng)


@pytest.mark.parametrize("kind", KINDS)
def test_a_hole_is_ground_that_shows(kind):
    scene, pose, hole, hidden = drawing(kind)
    (thing,), (pole,) = draw_layers(scene, [pose])
    assert hole.any() and not hole[np.maximum(thing, pole) > 0.02].any() and not (hole & hidden).any()


def test_a_hole_is_filled_with_ground_and_nothing_else_changes():
    scene, pose, hole, hidden = drawing("balloon")
    picture = draw(scene, pose).copy()
    picture[hidden] = (255, 0, 255)  # no green, which all of the ground has
    made = filled(picture, hole, hidden)
    np.testing.assert_array_equal(made[~hole], picture[~hole])
    assert (made[hole] != picture[hole]).any() and made[hole][:, 1].min() >= picture[~hidden][:, 1].min()


def latents(seed: int) -> torch.Tensor:
    return torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def loss_of(sees, fill: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
    """Of a model that takes the noisy latents for `sees` (of some rows of the batch) and noise."""
    context = torch.arange(4)[:, None, None]  # tells which row of the batch it is

    def predict(noisy, timestep, rows):
        alpha = ALPHAS[timestep, None, None, None]
        return (noisy - alpha.sqrt() * sees(noisy, alpha)[rows[:, 0, 0]]) / (1 - alpha).sqrt()

    torch.manual_seed(0)
    return filling_loss(predict, clean, fill, HOLE, context, ALPHAS)


def test_only_the_true_ground_in_the_hole_is_asked_for():
    clean, fill = latents(0), latents(1)
    error = (fill - clean).square()[HOLE.expand_as(clean)].mean()
    assert float(loss_of(lambda *_: clean, fill, clean)) < 1e-6
    assert float(loss_of(lambda *_: torch.where(HOLE, clean, 9.0), fill, clean)) < 1e-6
    torch.testing.assert_close(loss_of(lambda *_: fill, fill, clean), error, rtol=1e-3, atol=0)


def test_the_model_sees_the_fill_in_the_hole_and_the_picture_around_it():
    clean, fill, seen = latents(0), latents(1), []

    def predict(noisy, timestep, context):
        seen.append((noisy, timestep))
        return torch.zeros_like(noisy)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("dragvideo_core.embedded.filling.INVERTED", (0.0, 0.0))
        patched.setattr(torch, "randn_like", torch.zeros_like)
        filling_loss(predict, clean, fill, HOLE, torch.zeros(4, 1, 1), ALPHAS)
    (_, high), (noisy, level) = seen
    assert (level[::2] <= high).all() and level.max() <= 581
    signal = ALPHAS[level, None, None, None].sqrt()
    torch.testing.assert_close(noisy / signal, torch.where(HOLE, fill, clean))


def test_what_it_made_at_the_higher_level_is_given_and_not_learnt_through():
    clean, fill, weight = latents(0), latents(1), torch.tensor(1.0, requires_grad=True)
    graded = []

    def predict(noisy, timestep, context):
        graded.append(torch.is_grad_enabled())
        return weight * noisy

    filling_loss(predict, clean, fill, HOLE, torch.zeros(4, 1, 1), ALPHAS).backward()
    assert graded == [False, True] and weight.grad is not None and bool(weight.grad.isfinite())
