"""Compare Videos: what the player is sent."""

from __future__ import annotations

from . import graphs
from .executor import Comfy


def compared(comfy: Comfy, frames: tuple[int, int] = (2, 2), side: int = 128):
    """Two plain clips of so many frames in the player."""
    graph = {
        name: graphs.node("EmptyImage", width=side, height=side // 2, batch_size=count, color=color)
        for name, count, color in zip(("before", "after"), frames, (0, 255), strict=True)
    }
    graph["compare"] = graphs.node("DragAVideo_Compare", original=["before", 0], edited=["after", 0])
    return comfy.run(graph)


def test_the_player_gets_the_frames_of_both_their_size_and_rate(comfy: Comfy):
    outcome = compared(comfy)
    assert outcome.status == "success", outcome.error
    shown = outcome.ui["compare"]
    assert [len(shown[f"drag_a_video_{name}"]) for name in ("original", "edited")] == [2, 2]
    assert shown["drag_a_video_size"] == [[128, 64]] and shown["drag_a_video_fps"] == [8.0]
    assert "images" not in shown  # ComfyUI would draw those itself


def test_any_size_can_be_compared_and_the_page_is_sent_no_more_than_it_can_show(comfy: Comfy):
    outcome = compared(comfy, side=2002)
    assert outcome.status == "success", outcome.error
    from PIL import Image

    (saved, _) = outcome.ui["compare"]["drag_a_video_original"]
    with Image.open(f"{comfy.folder_paths.get_temp_directory()}/{saved['subfolder']}/{saved['filename']}") as picture:
        assert picture.size == (1024, 512)


def test_clips_that_do_not_pair_up_are_refused(comfy: Comfy):
    outcome = compared(comfy, frames=(2, 3))
    assert outcome.status == "error"
    assert "as many frames before as after: got 2 and 3" in outcome.error["exception_message"]
