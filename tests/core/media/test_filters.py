"""Frames through filters: what is kept from one to the next does not show."""

import av
import numpy as np

from dragvideo_core.media.filters import KeptChain, frame_of, planes_of, views_of

TO_RGB = ("scale", "flags=bicubic"), ("format", "rgb24")


def grey(value: int, width: int = 64, pixels: str = "yuv420p") -> av.VideoFrame:
    planes = [np.full((48, width), value, np.uint8), *[np.full((24, width // 2), 128, np.uint8)] * 2]
    return frame_of(planes, pixels, width, 48)


def test_a_kept_chain_gives_each_frame_its_own_result():
    chain = KeptChain()
    made = [chain.convert(grey(value), *TO_RGB) for value in (40, 90, 200)]
    alone = [KeptChain().convert(grey(value), *TO_RGB) for value in (40, 90, 200)]
    for one, other in zip(made, alone, strict=True):
        assert np.array_equal(planes_of(one)[0], planes_of(other)[0])
    assert len({int(planes_of(one)[0].max()) for one in made}) == 3


def test_a_kept_chain_takes_frames_of_another_kind_and_other_filters():
    chain = KeptChain()
    assert chain.convert(grey(90), *TO_RGB).width == 64
    assert chain.convert(grey(90, 32), *TO_RGB).width == 32
    assert chain.convert(grey(90, 32), ("format", "gray")).format.name == "gray"


def test_views_keep_the_memory_of_their_frame():
    chain, views = KeptChain(), []
    for value in range(30, 230, 10):
        views.append((value, views_of(chain.convert(grey(value, 50), *TO_RGB))[0]))
    assert all(view.shape == (48, 50, 3) and not view.flags.owndata for _, view in views)
    levels = [int(view.max()) for _, view in views]
    assert all(view.min() == view.max() for _, view in views) and levels == sorted(set(levels))
