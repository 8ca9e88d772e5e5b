"""The film that the bundled workflows open with: the drawn clip of the same seed, drawn larger."""

import torch
from torch.nn import functional

from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.embedded.demo_film import FRAMES, KIND, SEED, demo_film


def test_it_is_the_drawn_clip_with_more_detail():
    film, clip = demo_film(), demo_clip(KIND, SEED, FRAMES).clip
    assert film.frames.shape == (FRAMES, 3, 512, 512) and film.fps == clip.fps
    small = functional.avg_pool2d(film.frames, 4)
    assert (small - clip.frames).abs().mean() < 0.01
    enlarged = functional.interpolate(clip.frames, scale_factor=4, mode="nearest")
    assert (enlarged - film.frames).abs().mean() > 0.002, "nothing was gained by drawing it larger"


def test_it_is_the_same_every_time():
    assert torch.equal(demo_film().frames, demo_film().frames)
