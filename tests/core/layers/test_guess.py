"""The layer that is guessed from the colours at the handles."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.layers import guess
from dragvideo_core.layers.guess import guessed_layer, held
from dragvideo_core.layers.pixels import as_picture
from dragvideo_core.points.edit_mask import around_drags
from dragvideo_core.stages.pick import pick

SIDE = 128
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
THING = (np.hypot(COLUMNS - 50, ROWS - 70) < 16) | ((abs(COLUMNS - 50) < 5) & (ROWS > 70))  # a lollipop that leaves the picture
HANDLES = torch.tensor([[50.0, 70.0]])
MOVES = torch.tensor([[12.0, -5.0]])
EVERYWHERE = np.hypot(COLUMNS - 60, ROWS - 65) < 45


def picture(thing: tuple[int, ...] = (210, 60, 50), ground: tuple[int, ...] = (70, 110, 160)) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, 8, (SIDE, SIDE, 3))
    return (np.where(THING[..., None], thing, ground) + noise).clip(0, 255).astype(np.uint8)


FRAMES = torch.from_numpy(picture()).permute(2, 0, 1)[None].expand(4, -1, -1, -1) / 255
SEEN = torch.ones(4, 1, dtype=torch.bool)


def guessed(shown: np.ndarray, handles: torch.Tensor, mask: np.ndarray, moves: torch.Tensor = MOVES) -> np.ndarray | None:
    return guessed_layer(shown, handles, moves.expand(len(handles), -1), mask)


def iou(layer: np.ndarray | None, true: np.ndarray) -> float:
    assert layer is not None
    inside = (layer >= 0.5) & EVERYWHERE, true & EVERYWHERE
    return float((inside[0] & inside[1]).sum() / (inside[0] | inside[1]).sum())


def test_what_has_the_colours_at_the_handle_is_the_thing():
    assert iou(guessed(picture(), HANDLES, EVERYWHERE), THING) > 0.9


def test_it_goes_on_outside_of_the_mask():
    layer = guessed(picture(), HANDLES, np.hypot(COLUMNS - 60, ROWS - 65) < 30)
    assert layer is not None and (layer[96:99, 48:53] >= 0.5).all()


def test_what_looks_alike_but_hangs_together_with_no_handle_is_ground():
    alike = picture()
    alike[30:45, 80:95] = alike[65:80, 45:60]
    layer = guessed(alike, HANDLES, EVERYWHERE)
    assert layer is not None and not (layer[32:43, 82:93] >= 0.5).any() and iou(layer, THING) > 0.9


def test_the_same_picture_gives_the_same_layer():
    first, again = (guessed(picture(), HANDLES, EVERYWHERE) for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("handles, mask", [(torch.zeros(0, 2), EVERYWHERE), (HANDLES, np.zeros_like(EVERYWHERE))])
def test_nothing_is_dragged_and_nothing_may_change(handles: torch.Tensor, mask: np.ndarray):
    assert guessed(picture(), handles, mask) is None


def test_where_all_looks_alike_there_is_no_thing():
    plain = np.full((SIDE, SIDE, 3), 120, np.uint8)
    assert guessed(plain, HANDLES, EVERYWHERE) is None


@pytest.mark.parametrize("place", [[0.0, 0.0], [127.0, 64.0], [-3.0, 140.0]])
def test_a_handle_at_the_border_or_beyond_is_no_error(place: list[float]):
    guessed(picture(), torch.tensor([place]), np.ones((SIDE, SIDE), bool))


@pytest.mark.parametrize("size", [(8, 8), (3, 40)])
def test_tiny_pictures_are_no_error(size: tuple[int, int]):
    small = np.random.default_rng(1).integers(0, 255, (*size, 3), dtype=np.uint8)
    guessed(small, torch.tensor([[1.0, 1.0]]), np.ones(size, bool))


def test_a_hole_in_the_thing_is_part_of_it():
    shiny = picture()
    shiny[np.hypot(COLUMNS - 58, ROWS - 66) < 4] = (70, 110, 160)
    assert iou(guessed(shiny, HANDLES, EVERYWHERE), THING) > 0.9


def test_a_thing_that_fades_into_the_ground_is_not_guessed():
    """A shaded ball whose dark side is as dark as the ground: its bright side alone would be torn off."""
    shade = ((COLUMNS - 30) / 70).clip(0, 1)[..., None]
    ball = (1 - shade) * [210, 60, 50] + shade * [70, 110, 160]
    shown = np.where((np.hypot(COLUMNS - 60, ROWS - 64) < 38)[..., None], ball, (70, 110, 160)).astype(np.uint8)
    assert guessed(shown, torch.tensor([[36.0, 64.0]]), EVERYWHERE) is None


@pytest.mark.parametrize("kind, seed", [("flower", 101), ("balloon", 104)])
def test_one_colour_of_a_thing_of_several_is_not_guessed(kind: str, seed: int):
    """The middle of a flower or a stripe of a balloon would be torn out of it."""
    demo = demo_clip(kind, seed, 1)
    picks = replace(pick(demo.picks, (SIDE, SIDE), 1), mask_points=torch.zeros(0, 2))
    mask = around_drags(picks.handles[None], picks.targets[None], (SIDE, SIDE))[0, 0].numpy()
    assert guessed(as_picture(demo.clip.frames[0]), picks.handles.float(), mask, picks.targets - picks.handles) is None


def test_a_thing_by_itself_on_the_ground_is_guessed():
    ball = np.hypot(COLUMNS - 60, ROWS - 65) < 12
    shown = np.where(ball[..., None], (210, 60, 50), (70, 110, 160)).astype(np.uint8)
    assert iou(guessed(shown, torch.tensor([[60.0, 65.0]]), EVERYWHERE), ball) > 0.9


@pytest.mark.parametrize("handle, move", [((50.0, 54.0), (0.0, -12.0)), ((50.0, 51.0), (0.0, -12.0))])
def test_a_handle_at_an_edge_says_not_which_side_is_meant(handle: tuple[float, float], move: tuple[float, float]):
    """On the edge of the lollipop, and just off it: in both a pull outward, where the ground ahead would be taken for the thing."""
    assert guessed(picture(), torch.tensor([handle]), EVERYWHERE, torch.tensor([move])) is None


def test_where_the_part_is_torn_off_everything_is_layer():
    whole = torch.from_numpy(THING)[None, None].float()
    torn = whole.clone()
    torn[..., 90:, :] = 0  # the stick that goes on outside of the mask
    mask = torch.from_numpy(EVERYWHERE)[None, None].expand(4, -1, -1, -1)
    handles = HANDLES.expand(4, -1, -1)
    layer = held(FRAMES, torch.cat([whole, whole, whole, torn]), mask, mask, handles, SEEN, 0)
    assert layer is not None and torch.equal(layer[:3], whole.expand(3, -1, -1, -1)) and bool((layer[3] == 1).all())
    inside = torch.cat([torn, whole, torn, torn])  # wholly inside of the mask where it was guessed: nothing can be torn off
    assert torch.equal(held(FRAMES, inside, mask, mask, handles, SEEN, 0), inside)


def test_a_guess_that_leaves_the_edges_in_many_frames_is_given_up():
    whole, aside = (torch.from_numpy(thing)[None, None].float() for thing in (THING, np.roll(THING, 30, 1)))
    mask, handles = torch.ones(4, 1, SIDE, SIDE, dtype=torch.bool), HANDLES.expand(4, -1, -1)
    layer = held(FRAMES, torch.cat([whole, aside, whole, whole]), mask, mask, handles, SEEN, 0)
    assert layer is not None and bool((layer[1] == 1).all())
    assert held(FRAMES, torch.cat([whole, aside, aside, whole]), mask, mask, handles, SEEN, 0) is None


def test_frames_that_do_not_show_the_handle_are_no_failures():
    """The thing leaves the picture after the first frame: a guess was given up for that."""
    whole, gone = (torch.from_numpy(thing)[None, None].float() for thing in (THING, np.zeros_like(THING)))
    mask, handles = torch.ones(4, 1, SIDE, SIDE, dtype=torch.bool), HANDLES.expand(4, -1, -1)
    seen = torch.tensor([[True], [False], [False], [False]])
    layer = torch.cat([whole, gone, gone, gone])
    assert torch.equal(held(FRAMES, layer, mask, mask, handles, seen, 0), layer)
    aside = torch.cat([whole, *[torch.from_numpy(np.roll(THING, 30, 1))[None, None].float()] * 3])
    found = held(FRAMES, aside, mask, mask, handles, seen, 0)
    assert found is not None and torch.equal(found[0], aside[0]) and not found[1:].any()  # on something else: nothing moves there


@pytest.mark.parametrize("row, is_unsure", [(56.0, False), (52.0, True)])
def test_a_handle_at_the_edge_that_has_the_colour_of_the_thing_is_on_it(row: float, is_unsure: bool):
    """Pushes inward, from just inside the edge and from just outside: what is ahead, and not behind, is the thing."""
    place, move = np.array([[50.0, row]]), np.array([[0.0, 12.0]])
    gaps = [np.hypot(COLUMNS - 50, ROWS - row)]
    assert guess._are_at_its_edge(picture(), THING, place, move, gaps) == is_unsure


def test_one_colour_between_two_others_is_a_part_and_not_guessed():
    """The black back of a rabbit with a white chest: it was torn off."""
    shown = np.where((COLUMNS < 70)[..., None], (190, 190, 185), (245, 245, 245)).astype(np.uint8)
    shown[(abs(COLUMNS - 60) < 16) & (abs(ROWS - 64) < 22)] = (20, 20, 25)
    assert guessed(shown, torch.tensor([[60.0, 64.0]]), EVERYWHERE) is None
