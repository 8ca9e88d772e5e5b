"""Graphs in API format, small enough to run in seconds."""

from __future__ import annotations

import copy
import json


def picks(handle=(60, 60), target=(66, 54), mask_points=((60, 60), (66, 54)), size=(128, 128), **more) -> str:
    """The text that the Pick Points node holds."""
    data = {
        "version": 1,
        "size": list(size),
        "frame": 0,
        "pairs": [{"handle": list(handle), "target": list(target)}],
        "mask_points": [list(point) for point in mask_points],
    }
    return json.dumps(data | more)


def node(class_type: str, /, **inputs) -> dict:
    return {"class_type": class_type, "inputs": inputs}


def defaults(comfy, class_type: str, /, **inputs) -> dict:
    """A node with the default of every widget that `inputs` leaves out."""
    asked = comfy.nodes.NODE_CLASS_MAPPINGS[class_type].INPUT_TYPES()
    said = {
        name: spec[1]["default"]
        for group in ("required", "optional")
        for name, spec in asked.get(group, {}).items()
        if "default" in spec[1]
    }
    return node(class_type, **{**said, **inputs})


def whole_edit(comfy, frames: int = 2, iterations: int = 2) -> dict:
    """The pipeline from drawn clip to scores."""
    return copy.deepcopy(
        {
            "clip": defaults(comfy, "DragAVideo_DemoClip", kind="creature", seed=3, frames=frames),
            "pick": node("DragAVideo_Pick", video=["clip", 0], points="", other_points=["clip", 2]),
            "sam": node("DragAVideo_SAM", checkpoint="none"),
            "model": node("DragAVideo_EmbeddedModel", subject="creature"),
            "propagate": defaults(
                comfy,
                "DragAVideo_Propagate",
                video=["clip", 0],
                picks=["pick", 0],
                model=["model", 0],
                segmenter=["sam", 0],
                mask_radius=64.0,
                ensemble=1,
            ),
            "tune": defaults(comfy, "DragAVideo_Tune", video=["clip", 0], model=["model", 0], passes=2, rank=2),
            "invert": defaults(comfy, "DragAVideo_Invert", video=["clip", 0], model=["tune", 0], until=3),
            "drag": defaults(
                comfy,
                "DragAVideo_Drag",
                inversion=["invert", 0],
                tracks=["propagate", 0],
                model=["tune", 0],
                steps="3, 2",
                iterations=iterations,
            ),
            "decode": defaults(
                comfy,
                "DragAVideo_Decode",
                video=["clip", 0],
                inversion=["invert", 0],
                edit=["drag", 0],
                tracks=["propagate", 0],
                model=["tune", 0],
                fps=["clip", 3],
            ),
            "evaluate": defaults(
                comfy,
                "DragAVideo_Evaluate",
                original=["clip", 0],
                edited=["decode", 0],
                tracks=["propagate", 0],
                model=["model", 0],
                ensemble=1,
            ),
            "scores": node("PreviewAny", source=["evaluate", 0]),
            "sheet": node("SaveImage", images=["evaluate", 1], filename_prefix="test/before_after"),
            "video": node("SaveVideo", video=["decode", 1], filename_prefix="test/edited", format="auto", codec="auto"),
            "mask": node("MaskPreview", mask=["propagate", 1]),
        }
    )


def up_to(graph: dict, name: str) -> dict:
    """What one node of a graph needs, and a node that asks for its first output."""
    kept, todo = {"shown": node("PreviewAny", source=[name, 0])}, [name]
    while todo:
        current = todo.pop()
        kept[current] = copy.deepcopy(graph[current])
        todo += [value[0] for value in graph[current]["inputs"].values() if isinstance(value, list)]
    return kept
