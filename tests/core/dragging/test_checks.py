"""What does not fit together is refused before any work."""

from dataclasses import replace

import pytest
import torch
from core.tiny import tiny_tracks

from dragvideo_core.dragging.checks import check
from dragvideo_core.dragging.settings import DragSettings
from dragvideo_core.types import Inversion, UserError
from dragvideo_core.warning import warnings_go_to

SETTINGS = DragSettings(steps=(3, 2))


@pytest.fixture
def inversion():
    return Inversion(torch.zeros(4, 3, 4, 16, 16), torch.arange(4))


@pytest.mark.parametrize(
    "change, words",
    [
        ({"steps": (3, 3)}, "once each"),
        ({"steps": (4,)}, "last step 3"),
        ({"learning_rate": 0}, "positive"),
        ({"max_move": 0}, "positive"),
        ({"iterations": -1}, "not be negative"),
        ({"refine": -1}, "not be negative"),
        *(({key: value}, "key_every and turns must be at least 1") for key, value in [("key_every", 0), ("turns", 0)]),
        *(({"reach": value}, "key_every and turns must be at least 1") for value in (-1.0, 1e9, float("nan"))),
    ],
)
def test_impossible_settings_say_what_to_do(inversion, change, words):
    check(inversion, tiny_tracks(), SETTINGS, None)
    with pytest.raises(UserError, match=words):
        check(inversion, tiny_tracks(), replace(SETTINGS, **change), None)


def test_tracks_of_another_clip_are_refused(inversion):
    with pytest.raises(UserError, match="same clip"):
        check(inversion, tiny_tracks(2), SETTINGS, None)


def test_targets_that_change_over_time_ask_for_a_displacement(inversion):
    tracks, texts = tiny_tracks(), []
    changing = replace(tracks, targets=tracks.targets.clone())
    changing.targets[2] += 5
    with warnings_go_to(texts.append):
        check(inversion, tracks, SETTINGS, None)
        assert texts == []
        check(inversion, changing, SETTINGS, None)
    assert "Displace" in texts[0]
