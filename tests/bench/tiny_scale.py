"""A small piece of work for the scaling benchmark's test: a module of its own, because each process imports it by its name."""

from bench import scale
from core.tiny import tiny_model

from dragvideo_core.group import Group


def work(group: Group, of: str) -> dict:
    """What a rank of a group of processes does."""
    case = scale.Case("tiny", frames=3, side=64, steps=(3, 2), iterations=1, is_whole=True, chunk=1)
    if of == "edit":
        return scale.whole_edit(group, case, tiny_model())
    if of == "half an edit":
        return scale.half_an_edit(group, case, tiny_model())
    worlds = {frames: scale.wide_world(frames, "float32", width=16, side=128) for frames in (8, 16)}
    return {str(frames): scale.travelling(group, frames, world=world) for frames, world in worlds.items()}
