"""Laws of the first turns: long parts swing about their joint, round ones are moved, and nothing turns without a joint."""

import numpy as np
import pytest

from dragvideo_core.displacement import rigid
from dragvideo_core.displacement.mesh import layer_mesh
from dragvideo_core.displacement.rigid import Pulls, bend
from dragvideo_core.displacement.turning import first_turns

SIDE = 96


def arm_mesh(head: int = 0):
    """An arm from the left, held in the first 16 px of its length; `head`: px, radius of a disc at its end."""
    y, x = np.mgrid[:SIDE, :SIDE]
    arm = (abs(y - 48) <= 4) & (x < 76) | (np.hypot(y - 48, x - 64) < head)
    mask = x >= 16
    return layer_mesh(arm, arm, mask, 4, (64, 48), 4)


def bent(move: tuple[float, float], head: int = 0, rounds: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the arm and where they are after its hand at (64, 48) went by `move`."""
    mesh = arm_mesh(head)
    return mesh.vertices, mesh.vertices + bend(mesh, Pulls(np.array([[64.0, 48.0]]), np.array([move]), np.zeros((0, 3))), rounds)


def turn_of(before: np.ndarray, after: np.ndarray, where: np.ndarray) -> float:
    """The turn in degrees that takes what is `where` nearest to where it went."""
    one, other = (places[where] - places[where].mean(0) for places in (before, after))
    return float(np.degrees(np.arctan2((one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0]).sum(), (one * other).sum())))


def test_a_long_arm_that_is_pulled_sideways_swings_with_its_end():
    before, after = bent((-3.0, -18.0))
    swing = np.degrees(np.arctan2(-18, 64 - 20 - 3))  # of the line from its joint to the hand
    assert turn_of(before, after, before[:, 0] > 56) < 0.6 * swing < 0


@pytest.mark.parametrize(("head", "turns"), [(0, True), (15, False)])
def test_a_round_head_on_an_arm_is_moved_and_does_not_turn_nor_grow(head, turns):
    mesh = arm_mesh(head)
    share = ((mesh.vertices[:, 0] - 16) / 36).clip(0, 1)
    found = first_turns(mesh, share[None], np.array([[64.0, 48.0]]), np.array([[9.0, -18.0]]))
    in_hand, between = share == 1, (share > 0.3) & (share < 0.8)
    assert bool(found.angle[in_hand].any()) is turns and not found.growth[in_hand].any()
    assert (found.angle[between] < -0.1).all() and (found.growth[between] > 0.1).all()
    assert not found.angle[share == 0].any() and not found.growth[share == 0].any()


def test_an_arm_that_is_pulled_along_does_not_turn():
    before, after = bent((10.0, 0.0))
    assert abs(turn_of(before, after, before[:, 0] > 30)) < 0.5


def test_an_arm_that_is_pulled_along_grows_along_and_keeps_its_breadth():
    before, after = bent((12.0, 0.0))
    middle = (before[:, 0] > 28) & (before[:, 0] < 52)
    along, across = (np.polyfit(before[middle, k], after[middle, k], 1)[0] for k in (0, 1))
    assert along > 1.15 and abs(across - 1) < 0.03


def test_a_bowed_neck_that_is_pulled_out_keeps_its_bow():
    y, x = np.mgrid[:SIDE, :SIDE]
    at = ((x - 12) / 52).clip(0, 1)
    spine = 60 - 40 * at * (1 - at)  # 10 px of bow on the way from (12, 60) to (64, 60)
    neck = (abs(y - spine) <= 4) & (x >= 6) & (x <= 60) | (np.hypot(y - 60, x - 64) < 8)
    mesh = layer_mesh(neck, neck, x >= 16, 4, (64, 60), 16)
    moved = bend(mesh, Pulls(np.array([[64.0, 60.0]]), np.array([[16.0, 0.0]]), np.array([[64.0, 60.0, 6.0]])), 3)
    middle = (abs(mesh.vertices[:, 0] - 38) < 4) & (abs(mesh.vertices[:, 1] - 50) < 5)
    # The chord grows by 16 of 52 px; so does its bow, up from 10 px above it. Straightened, the middle would come down.
    assert -4.5 < moved[middle, 1].mean() < -1.5


def test_a_joint_that_lies_all_around_the_handle_is_none():
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = np.hypot(y - 48, x - 50) < 40
    mesh = layer_mesh(disc, disc, np.hypot(y - 48, x - 48) < 34, 4, (48, 48), 4)
    share = (1 - np.linalg.norm(mesh.vertices - 48, axis=1) / 34).clip(0, 1)
    found = first_turns(mesh, share[None], np.array([[48.0, 48.0]]), np.array([[9.0, -9.0]]))
    assert not found.angle.any() and not found.growth.any()


@pytest.mark.parametrize("move", [(-80.0, 0.0), (-44.0, 0.5), (0.0, 0.0)])
def test_a_handle_that_is_drawn_past_its_joint_or_not_at_all_turns_nothing(move):
    mesh = arm_mesh()
    share = ((mesh.vertices[:, 0] - 16) / 48).clip(0, 1)
    found = first_turns(mesh, share[None], np.array([[64.0, 48.0]]), np.array([move]))
    assert not found.angle.any() and not found.growth.any()


def test_what_nothing_holds_has_no_joint():
    mesh = arm_mesh()
    found = first_turns(mesh, np.ones((1, len(mesh.vertices))), np.array([[64.0, 48.0]]), np.array([[0.0, 9.0]]))
    assert not found.angle.any() and not found.growth.any()


@pytest.mark.parametrize("middle", [70, 80, 84])
def test_a_round_head_that_the_border_of_the_picture_cuts_is_no_long_one(middle, monkeypatch):
    y, x = np.mgrid[:SIDE, :SIDE]
    thing = (abs(y - 48) <= 4) & (x < 76) | (np.hypot(y - 48, x - middle) < 16)
    mesh = layer_mesh(thing, thing, x >= 16, 4, (middle, 48), 24)
    found = []
    monkeypatch.setattr(rigid, "first_turns", lambda *given: found.append(first_turns(*given)) or found[-1])
    rigid.bend(mesh, Pulls(np.array([[middle, 48.0]]), np.array([[-3.0, -18.0]]), np.zeros((0, 3))), 0)
    in_hand = np.linalg.norm(mesh.vertices - [middle, 48], axis=1).argmin()
    assert abs(found[0].angle[in_hand]) < 0.03 < abs(found[0].angle).max()


@pytest.mark.parametrize(("other", "turns"), [((0.0, 0.0), True), ((0.0, -6.0), False)])
def test_where_several_points_move_they_say_themselves_how_the_part_goes(other, turns):
    mesh = arm_mesh()
    share = ((mesh.vertices[:, 0] - 16) / 36).clip(0, 1)
    found = first_turns(
        mesh, np.stack([share, 0.1 * share]), np.array([[64.0, 48.0], [30.0, 48.0]]), np.array([[-3.0, -18.0], other])
    )
    assert bool(found.angle.any()) is turns
