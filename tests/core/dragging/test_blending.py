"""Laws of the blend: kept pixels are kept bit for bit, and what is painted joins them without a seam."""

import torch

from dragvideo_core.dragging import blending
from dragvideo_core.types import Displacement

SIDE = 32


def square() -> torch.Tensor:
    where = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    where[..., 8:24, 8:24] = True
    return where


def test_outside_of_what_is_painted_nothing_changes():
    kept, made = torch.rand(1, 3, SIDE, SIDE), torch.rand(1, 3, SIDE, SIDE)
    blend = blending.blended(kept, made, square(), ~square(), 4.0)
    outside = ~square().expand_as(kept)
    assert torch.equal(blend[outside], kept[outside])
    assert blending.blended(kept, made, torch.zeros_like(square()), square(), 4.0) is kept


def test_a_painting_that_is_darker_all_over_is_made_as_bright_as_its_surroundings():
    kept = torch.full((1, 3, SIDE, SIDE), 0.6)
    blend = blending.blended(kept, kept - 0.2, square(), ~square(), 1.0)
    torch.testing.assert_close(blend, kept, rtol=0, atol=1e-3)


def test_what_the_painting_draws_is_there_in_the_middle():
    kept, made = torch.full((1, 3, SIDE, SIDE), 0.5), torch.full((1, 3, SIDE, SIDE), 0.5)
    made[..., 14:18, 14:18] = 0.9
    assert blending.blended(kept, made, square(), ~square(), 4.0)[0, 0, 15, 15] > 0.85


def test_a_plane_goes_on_through_the_hole():
    ramp = torch.linspace(0, 1, SIDE).expand(1, 1, SIDE, SIDE)
    continued = blending.continued(ramp * ~square(), ~square())
    assert (continued - ramp).abs().max() < 0.2 and torch.equal(continued[..., :8], ramp[..., :8])


def test_the_fade_begins_inside():
    faded = blending.faded(square(), 6.0)
    assert not faded[~square()].any() and faded[..., 15:17, 15:17].eq(1).all()
    row = faded[0, 0, 16, 8:16]
    assert bool((row.diff() >= 0).all()) and 0 < row[2] < 1


def test_what_differs_along_the_things_edge_is_not_taken_for_brightness():
    kept, made, trusted = torch.full((1, 3, SIDE, SIDE), 0.5), torch.full((1, 3, SIDE, SIDE), 0.5), ~square()
    kept[..., 24:28, :] = 0.9  # the thing, which the model's picture has softer
    trusted[..., 23:30, :] = False
    blend = blending.blended(kept, made, square(), trusted, 1.0)
    torch.testing.assert_close(blend[..., 8:24, 8:24], made[..., 8:24, 8:24], rtol=0, atol=1e-3)


def test_ground_begins_some_way_from_the_thing_and_from_where_it_was():
    """A red rim of the thing left beside the freed ground was continued into it as a speck."""
    matte, freed = torch.zeros(1, 1, SIDE, SIDE), torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    matte[..., 4:8, 4:8], freed[..., 20:24, 20:24] = 1, True
    picture, places = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, SIDE, SIDE, 2)
    ground = blending.is_ground(Displacement(picture, places, matte, freed, freed & False, torch.ones_like(matte)))
    assert not ground[..., 2:10, 2:10].any() and not ground[..., 18:26, 18:26].any()
    assert ground[..., 10:18, :].all() and ground.sum() == SIDE * SIDE - 2 * 64
