"""The nodes, one per stage of the pipeline."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from .comfy import folders
from .compare import Compare
from .decode import Decode
from .demo_clip import DemoClip
from .displace import Displace
from .drag import Drag
from .edit import CombineEdits, LoadEdit, SaveEdit
from .evaluate import Evaluate
from .film import DragFilm
from .follow import UseTracks
from .invert import Invert
from .job import SaveJob
from .load import LoadVideo
from .model import EmbeddedModel, Model
from .pick import Pick
from .preset import ChooseEdit, ChoosePreset
from .propagate import Propagate
from .put_back import PutBack
from .segment import Segment
from .tune import Tune

NODES = [
    LoadVideo,
    DemoClip,
    Pick,
    Segment,
    EmbeddedModel,
    Model,
    Propagate,
    UseTracks,
    Displace,
    DragFilm,
    PutBack,
    Tune,
    Invert,
    Drag,
    Decode,
    Evaluate,
    SaveEdit,
    LoadEdit,
    CombineEdits,
    SaveJob,
    Compare,
    ChoosePreset,
    ChooseEdit,
]


class DragAVideo(ComfyExtension):
    """What ComfyUI asks for the nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        folders.register_folders()
        folders.offer_demo_film()
        return NODES


async def comfy_entrypoint() -> DragAVideo:
    return DragAVideo()
