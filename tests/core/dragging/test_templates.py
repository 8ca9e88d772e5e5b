"""Laws of the templates: what is not seen does not change them."""

import torch

from dragvideo_core.dragging.templates import Templates

STEP = 2


def templates_of(patches: torch.Tensor, visible: torch.Tensor, turns: int) -> Templates:
    """Patches (K, J, S, D, C) in their turns."""
    seen = patches * visible[..., None, None]
    return Templates({STEP: torch.stack([seen[turn::turns].sum(0) for turn in range(turns)])}, visible)


def test_at_first_it_is_the_mean_over_all_frames_that_show_the_point():
    patches, visible = torch.randn(5, 2, 3, 1, 4), torch.rand(5, 2, 3) > 0.3
    visible[0] = True
    wanted = (patches * visible[..., None, None]).sum(0) / visible.sum(0)[..., None, None]
    torch.testing.assert_close(templates_of(patches, visible, 2).mean[STEP], wanted)


def test_a_template_is_kept_while_frames_that_hide_its_point_have_their_turn():
    patches, visible = torch.randn(4, 2, 1, 1, 4), torch.ones(4, 2, 1, dtype=torch.bool)
    visible[::2, 0] = False  # the first pair is hidden in every other frame
    templates, moved = templates_of(patches, visible, 2), []
    for turn in (1, 0, 1):
        before = templates.mean[STEP].clone()
        weight = torch.zeros_like(visible)
        weight[turn::2] = visible[turn::2]
        newest = (torch.randn(2, 2, 1, 1, 4) * visible[turn::2][..., None, None]).sum(0)
        templates.follow(turn, {STEP: newest}, {STEP: 0.1 * weight.sum(0)}, weight)
        moved.append((templates.mean[STEP] != before).flatten(1).any(1).tolist())
    assert moved == [[True, True], [False, True], [True, True]]


def test_frames_that_wait_keep_the_look_that_they_had():
    """The mean is over all frames, newest or not: with two turns of one frame each and shares of one half."""
    patches, visible = torch.tensor([2.0, 4.0]).reshape(2, 1, 1, 1, 1), torch.ones(2, 1, 1, dtype=torch.bool)
    templates, weight = templates_of(patches, visible, 2), torch.tensor([True, False]).reshape(2, 1, 1)
    templates.first_distance[STEP] = torch.ones(1, 1)
    templates.follow(0, {STEP: torch.full((1, 1, 1, 1), 10.0)}, {STEP: torch.full((1, 1), 0.2)}, weight)  # share 0.5
    torch.testing.assert_close(templates.mean[STEP].item(), (3.0 + (10 + 4) / 2) / 2)
