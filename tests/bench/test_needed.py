"""The benchmark of what an edit costs, on tiny models: the short ways ask the denoiser for less. No time is asserted."""

from dataclasses import replace

import pytest
import torch
from bench import needed
from core.tiny import rows_of, tiny_model

from dragvideo_core.dragging import blending
from dragvideo_core.stages.displace import displace


@pytest.fixture
def counted(monkeypatch):
    """A tiny model, and `seconds` that counts the rows that its denoiser is asked for instead."""
    model = replace(tiny_model(), paint_from=10)
    monkeypatch.setattr(needed, "seconds", lambda work: rows_of(model.denoiser, work))
    return model


def test_each_short_way_asks_for_less(counted):
    rows = needed.measure_large(2, 128, counted)
    assert rows["each stage, whole picture"] == rows["each stage, the mask's box"] == 2 * 31
    assert rows["as needed, whole picture"] == rows["as needed, the mask's box"] == 2 * 15


def test_the_bar_leaves_freed_ground_and_nothing_stretched_in_a_quarter_of_the_picture():
    clip, tracks = needed.bar_moves(2, 128)
    displaced = displace(clip, tracks)
    assert tracks.edit_mask.float().mean() == 0.25 and clip.size == (128, 128)
    assert bool((displaced.freed & ~displaced.shown_elsewhere).flatten(1).any(1).all())
    assert not bool(blending.is_stretched(displaced).any())
    assert not torch.equal(displaced.frames, clip.frames)
