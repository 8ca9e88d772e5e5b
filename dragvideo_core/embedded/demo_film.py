"""A film to start with: a drawn creature with a long neck, at a size that looks well."""

from __future__ import annotations

from ..types import VideoClip
from .demo_clip import as_clip, demo_clip
from .drawn_clips import draw_clip

FILE_NAME = "drag-a-video_creature.mp4"
KIND, SEED, FRAMES = "creature", 7, 12
ENLARGED = 4  # times 128 px


def demo_film() -> VideoClip:
    """The film: 12 frames of 512 x 512, 8 a second. The same every time."""
    drawn = demo_clip(KIND, SEED, FRAMES)
    return as_clip(draw_clip(drawn.scene, drawn.poses, enlarged=ENLARGED))
