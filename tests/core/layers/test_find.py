"""Where the layer comes from, and every mask and stroke that cannot be used."""

import warnings
from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_picks

from dragvideo_core.layers import find
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import Stroke, UserError

CLIP, PICKS = tiny_clip(3), tiny_picks()
THING = torch.zeros(64, 64)
THING[20:44, 14:40] = 1.0
STROKES = (
    Stroke("thing", 3.0, torch.tensor([[22.0, 30.0], [28.0, 30.0]])),
    Stroke("ground", 2.0, torch.tensor([[2.0, 2.0], [60.0, 2.0]])),
)


def test_soft_masks_of_every_frame_stay_as_they_are():
    masks = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0))
    masks[:, 30, 24] = 1.0
    assert torch.equal(find.known_layer(CLIP, PICKS, segment(masks)), masks[:, None])


def test_a_hard_mask_becomes_soft_at_its_edge_alone():
    layer = find.known_layer(CLIP, PICKS, segment(THING.expand(3, -1, -1)))
    assert layer.shape == (3, 1, 64, 64) and ((layer > 0) & (layer < 1)).any()
    assert (layer[:, 0, 24:40, 18:36] == 1).all() and (layer[:, 0, :16] == 0).all()


@pytest.mark.parametrize("size", [(32, 32), (128, 128), (16, 48)])
def test_a_mask_of_another_size_is_resized(size: tuple[int, int]):
    mask = torch.nn.functional.interpolate(THING[None, None], size, mode="area")[0]
    layer = find.known_layer(CLIP, PICKS, segment(mask.expand(3, -1, -1)))
    assert float((layer[0, 0] - THING).abs().mean()) < 0.05


def test_where_no_thing_stands_out_people_read_that_all_bends_and_what_to_paint():
    with pytest.warns(UserWarning, match="no thing stands out where the arrow starts.*paint a stroke over it"):
        tracks = propagate(CLIP, PICKS, segment(), settings=PropagateSettings(tracker="flow"))
    assert tracks.layer is None


@pytest.mark.parametrize("frame", [0, 2])
def test_a_single_mask_is_of_the_picks_frame_and_is_carried(frame: int):
    soft, picks = 0.9 * THING + 0.01, replace(PICKS, frame=frame)
    layer = find.known_layer(CLIP, picks, segment(soft))
    assert torch.equal(layer[0, 0], soft) and layer.shape == (1, 1, 64, 64)
    settings = PropagateSettings(tracker="flow")
    layer = propagate(CLIP, picks, segment(soft), settings=settings).layer
    assert torch.equal(layer[frame, 0], soft) and not torch.equal(layer[1, 0], soft) and layer.shape == (3, 1, 64, 64)


def test_a_mask_wins_over_strokes_and_strokes_are_used_where_nothing_else_is():
    with_strokes = replace(PICKS, strokes=STROKES)
    masks = 0.9 * THING.expand(3, -1, -1)
    assert torch.equal(find.known_layer(CLIP, with_strokes, segment(masks)), masks[:, None])
    layer = find.known_layer(CLIP, with_strokes, segment())
    assert layer.shape == (1, 1, 64, 64) and layer[0, 0, 30, 24] == 1 and layer[0, 0, 2, 30] == 0
    assert find.known_layer(CLIP, PICKS, segment()) is None


class Asked:
    """In the place of a SAM: the thing is THING; keeps what it was asked."""

    masks, front, asks_points = None, None, True

    def __init__(self, answer=THING >= 0.5):
        self.answer, self.asked = answer, []

    def check(self, frames):
        """Any clip will do."""

    def foreground(self, index, frame, prompts, ground=None):
        self.asked.append((index, prompts.tolist(), ground.tolist()))
        return self.answer


def test_a_sam_takes_strokes_for_clicks_on_the_frame_that_they_were_painted_on():
    """Fault: with a SAM wired in, strokes were left out without a word."""
    click = Stroke("thing", 3.0, torch.tensor([[30.0, 25.0]]))
    long = Stroke("ground", 2.0, torch.stack([torch.arange(41.0), torch.zeros(41)], 1))
    still = torch.tensor([[50.0, 50.0]])
    picks = replace(
        PICKS,
        frame=1,
        handles=torch.cat([PICKS.handles, still]),
        targets=torch.cat([PICKS.targets, still]),
        strokes=(click, long),
    )
    segmenter = Asked()
    layer = find.known_layer(CLIP, picks, segmenter)
    on = [*PICKS.handles.tolist(), [30.0, 25.0]]  # the pin is no click on the thing
    assert segmenter.asked == [(1, on, [[float(x), 0.0] for x in (0, 10, 20, 30, 40)])]
    assert layer.shape == (1, 1, 64, 64) and torch.equal(layer[0, 0] >= 0.5, find._of_mask(CLIP.frames[1], THING)[0] >= 0.5)
    assert find.known_layer(CLIP, PICKS, segmenter) is None and len(segmenter.asked) == 1  # no strokes: asked frame by frame
    find.check(replace(PICKS, strokes=(long,)), segmenter, 3)  # the handles are on the thing


@pytest.mark.parametrize("everything", [False, True])
def test_clicks_under_which_a_sam_finds_nothing_are_warned_of(everything: bool):
    with pytest.warns(UserWarning, match="no thing under the clicks"):
        layer = find.known_layer(CLIP, replace(PICKS, strokes=STROKES), Asked(torch.full((64, 64), everything)))
    assert layer is None


def test_things_in_front_are_of_every_frame_or_the_same_in_all():
    pole = torch.zeros(1, 64, 64)
    pole[..., 30:34] = 0.9
    assert torch.equal(find.front_of(segment(front=pole), CLIP), pole.expand(3, -1, -1)[:, None])
    assert find.front_of(segment(), CLIP) is None and find.front_of(segment(front=0 * pole), CLIP) is None


@pytest.mark.parametrize("count", [2, 4])
def test_masks_of_another_number_are_refused(count: int):
    wrong = torch.ones(count, 64, 64)
    with pytest.raises(UserError, match=rf"of the thing, or one for each frame \(3\): got {count} masks"):
        find.check(PICKS, segment(wrong), 3)
    with pytest.raises(UserError, match=rf"of the things in front, or one for each frame \(3\): got {count} masks"):
        find.check(PICKS, segment(front=wrong), 3)


def test_a_mask_that_is_black_everywhere_is_refused_and_one_that_is_white_everywhere_is_not_used():
    for masks in (0.4 * torch.ones(1, 64, 64), torch.zeros(3, 64, 64)):
        with pytest.raises(UserError, match="black everywhere"):
            find.check(PICKS, segment(masks), 3)
    with pytest.warns(UserWarning, match="white everywhere"):
        assert find.known_layer(CLIP, PICKS, segment(torch.ones(3, 64, 64))) is None


def test_a_mask_that_is_black_in_one_frame_is_told_and_used():
    masks = 0.9 * THING.repeat(3, 1, 1)
    masks[1] = 0
    with pytest.warns(UserWarning, match="black in frame 2 of 3"):
        layer = find.known_layer(CLIP, PICKS, segment(masks))
    assert not layer[1].any() and layer[2].any()


@pytest.mark.parametrize("which", ["mask", "front"])
def test_masks_with_nan_are_refused(which: str):
    with pytest.raises(UserError, match="NaN"):
        segment(**{which: torch.full((1, 64, 64), torch.nan)})


def test_strokes_over_the_ground_alone_are_refused():
    with pytest.raises(UserError, match="none over the thing"):
        find.check(replace(PICKS, strokes=STROKES[1:]), segment(), 3)


def test_a_handle_that_lies_on_nothing_is_named_with_the_nearest_place():
    handles = torch.tensor([[24.0, 30.0], [50.0, 30.0], [39.9, 30.0]])
    picks = replace(PICKS, handles=handles, targets=handles + 5)
    sentence = find.off_the_layer(THING, picks)
    assert sentence.startswith("handle 2 at (50, 30) does not lie on the thing: the nearest place of it is (39, 30).")
    assert "handle 1" not in sentence and "handle 3" not in sentence
    with pytest.warns(UserWarning, match="handle 1 at .*nearest place"):
        find.known_layer(
            CLIP, replace(PICKS, handles=handles[1:2], targets=handles[1:2] + 5), segment(0.9 * THING.expand(3, -1, -1))
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        find.known_layer(CLIP, PICKS, segment(0.9 * THING.expand(3, -1, -1)))


def test_a_pin_may_hold_the_ground():
    pins = torch.tensor([[24.0, 30.0], [60.0, 5.0]])
    assert find.off_the_layer(THING, replace(PICKS, handles=pins, targets=torch.tensor([[30.0, 30.0], [60.0, 5.0]]))) == ""


def test_a_layer_that_is_empty_where_the_points_were_picked_is_told():
    assert "cannot be seen on the frame" in find.off_the_layer(0 * THING, PICKS)


def test_regions_that_say_nothing_are_no_layer():
    for value in (False, True):
        with pytest.warns(UserWarning, match="SAM found no thing"):
            assert find.layer_of_regions(CLIP, PICKS, torch.full((3, 1, 64, 64), value)) is None
