"""DIFT features that the ranks of a group make: the same tracks, each frame made once, and little travels."""

from __future__ import annotations

from dataclasses import fields, replace
from unittest.mock import patch

import pytest
import torch
from core.linked import Linked, together
from core.tiny import shifted_clip, tiny_model, tiny_picks

from dragvideo_core.group import ALONE
from dragvideo_core.points import features
from dragvideo_core.stages.propagate import PropagateSettings, propagate
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import Correction, PointTracks, VideoClip

FRAMES, PICKED = 8, 2


def clip() -> VideoClip:
    """The points are hidden in frames 4 to 6: there flow is not sure."""
    shown = shifted_clip(1, frames=FRAMES)
    frames = shown.frames.clone()
    frames[4:7, :, 18:42, 18:36] = torch.rand(3, 3, 1, 1, generator=torch.Generator().manual_seed(0))
    return replace(shown, frames=frames)


def made_by(size: int, tracker: str, corrections: list[Correction]) -> tuple[list[PointTracks], list[Linked], dict[int, list[int]]]:
    """The tracks of each rank, the ranks, and which frames' features each rank made."""
    made: dict[int, list[int]] = {}
    make = features._Own.make

    def watched(own, frames, on_progress):
        made.setdefault(ranks_of[id(own.clip)], []).extend(frames)
        make(own, frames, on_progress)

    clips, models = ([new() for _ in range(size)] for new in (clip, tiny_model))
    ranks_of = {id(one): rank for rank, one in enumerate(clips)}
    settings = PropagateSettings(tracker=tracker, ensemble=1, recipe="video", mask_radius=96.0, chunk=1, ends_at_cuts=False)

    def work(group) -> PointTracks:
        picks = tiny_picks(frame=PICKED)
        return propagate(clips[group.rank], picks, segment(), models[group.rank], settings, corrections=corrections, group=group)

    with patch.object(features._Own, "make", watched):
        if size == 1:
            return [work(ALONE)], [], made
        return *together(size, work), made


CORRECTED = [Correction(frame=5, pair=0, handle=torch.tensor([36.0, 30.0]))]


@pytest.mark.parametrize("corrections", [[], CORRECTED], ids=["followed", "corrected"])
@pytest.mark.parametrize("tracker", ["dift", "auto", "flow"])
@pytest.mark.parametrize("size", [2, 3, FRAMES + 1])
def test_the_tracks_of_every_rank_are_those_of_one_process(size: int, tracker: str, corrections: list[Correction]):
    wanted, _, alone = made_by(1, tracker, corrections)
    tracks, ranks, made = made_by(size, tracker, corrections)
    for one in tracks:
        for name in (field.name for field in fields(PointTracks)):
            value, other = getattr(wanted[0], name), getattr(one, name)
            assert (value is None and other is None) or torch.equal(value, other), name
    numbers = [i for frames in made.values() for i in frames]
    assert len(numbers) == len(set(numbers)) and set(numbers) >= set(alone.get(0, []))  # no frame is made twice
    if tracker == "dift":
        assert {rank: tuple(frames) for rank, frames in made.items()} == {
            rank.rank: tuple(range(FRAMES)[rank.share(FRAMES)]) for rank in ranks if range(FRAMES)[rank.share(FRAMES)]
        }
    if tracker == "auto":
        assert len(made[0]) < len(alone[0])  # the others made the rest
    if tracker == "flow":
        assert not numbers and sum(len(rank.sent) for rank in ranks) == size - 1  # the tracks alone


def test_what_travels_are_points_and_descriptors():
    _, ranks, _ = made_by(2, "dift", [])
    own = features._Own(clip(), tiny_model(), PropagateSettings(ensemble=1, recipe="video", chunk=1))
    own.make(range(1), lambda *at: None)
    channels, points = own._made[0].shape[0], tiny_picks().handles.shape[0] * 9 + len(tiny_picks().mask_points)
    tracks_to_the_others = ranks[0].sent[-1]
    for sent in (*ranks[0].sent[:-1], *ranks[1].sent):
        assert sent <= 4 * points * (channels + 2) + 400  # float32, and the names
    assert tracks_to_the_others > 0 and len(ranks[1].sent) <= 3 * FRAMES
