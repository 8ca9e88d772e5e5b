"""Save Job as ComfyUI runs it: the file that it writes is the job of the graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from . import graphs
from .executor import Comfy
from .test_film import ARROW, film  # noqa: F401  the fixture
from .test_film import graph as film_graph


def graph(comfy: Comfy, film: str, pair: dict = ARROW, **more) -> dict:  # noqa: F811
    whole = film_graph(comfy, film, pair)
    del whole["film"]
    whole["job"] = graphs.defaults(comfy, "DragAVideo_SaveJob", video=["load", 0], points=["points", 0], **more)
    whole["show"] = graphs.node("PreviewAny", source=["job", 0])
    return whole


@pytest.mark.parametrize("model, subject", [("none", None), ("embedded", "flower")])
def test_the_job_that_is_written_is_the_graphs(comfy: Comfy, film: str, model: str, subject: str | None):  # noqa: F811
    chosen = {
        "model": model,
        "subject": "flower",
        "stiffness": 0.75,
        "codec": "ffv1",
        "quality": 3,
        "margin": 40,
        "save_as": "jobs/one",
    }
    outcome = comfy.run(graph(comfy, film, **chosen))
    assert outcome.status == "success", outcome.error
    path = Path(outcome.values["job"][0])
    assert path.parent == comfy.base / "output" / "drag_a_video" / "jobs"
    job = comfy.module("dragvideo_core.job_file").read_job(path)
    assert job.film == comfy.base / "input" / film and job.subject == subject
    assert job.output == path.with_suffix(".mkv" if subject is None else ".mp4")
    assert json.loads(job.points)["pairs"] == [ARROW]
    if subject is None:
        film_settings = job.film_settings
        assert (film_settings.displace.stiffness, film_settings.margin) == (0.75, 40)
        assert (film_settings.codec, film_settings.quality) == ("ffv1", 3)
    else:
        assert job.settings.displace.stiffness == 0.75 and job.settings.load.width == 128
    again = comfy.run(graph(comfy, film, **(chosen | {"stiffness": 0.5})))
    assert again.values["job"][0] != str(path)  # nothing is overwritten
    assert any("python -m dragvideo_core run" in text for _, text in [*outcome.listener.node_texts, *_ui_texts(outcome)])


def with_mask(comfy: Comfy, film: str, **more) -> dict:  # noqa: F811
    """The job with a mask of the thing and one of what is in front, each grey on the whole frame, and a correction."""
    whole = graph(comfy, film, **more)
    for name, value in (("thing", 0.75), ("front", 0.25)):
        whole[name] = graphs.node("SolidMask", value=value, width=96, height=64)
    whole["segment"] = graphs.defaults(comfy, "DragAVideo_SAM", mask=["thing", 0], front=["front", 0])
    whole["moves"] = graphs.node("PrimitiveString", value=json.dumps(MOVES))
    whole["job"]["inputs"] |= {"segmenter": ["segment", 0], "corrections": ["moves", 0]}
    return whole


MOVES = {"version": 2, "size": [96, 64], "moves": [{"frame": 2, "pair": 0, "handle": [49.0, 32.0]}]}


def test_masks_and_corrections_are_in_the_job(comfy: Comfy, film: str):  # noqa: F811
    outcome = comfy.run(with_mask(comfy, film, save_as="masked"))
    assert outcome.status == "success", outcome.error
    job = comfy.module("dragvideo_core.job_file").read_job(outcome.values["job"][0])
    read = comfy.module("dragvideo_core.files.mask_file").read_mask
    assert [read(file).unique().tolist() for file in (job.mask, job.front)] == [[0.75], [0.25]]
    assert job.mask.parent == job.output.parent and json.loads(job.corrections) == MOVES


@pytest.mark.faults
def test_what_no_job_holds_is_refused_in_words(comfy: Comfy, film: str, monkeypatch):  # noqa: F811
    outcome = comfy.run(with_mask(comfy, film, save_as="refused", model="embedded"))
    assert outcome.status == "error" and "no segmenter" in outcome.error["exception_message"]
    given = comfy.module("dragvideo_core.layers.given")
    monkeypatch.setattr(given.MaskSegmenter, "asks_points", True)  # as a SAM
    outcome = comfy.run(with_mask(comfy, film, save_as="refused"))
    assert outcome.status == "error" and "SAM checkpoint" in outcome.error["exception_message"]
    assert not list((comfy.base / "output").rglob("refused*"))


def test_a_sam_is_named_by_its_file(comfy: Comfy, film: str, monkeypatch):  # noqa: F811
    given = comfy.module("dragvideo_core.layers.given")
    monkeypatch.setattr(given.MaskSegmenter, "asks_points", True)  # as a SAM
    monkeypatch.setattr(given.MaskSegmenter, "file", comfy.base / "models" / "sams" / "vit.pth", raising=False)
    outcome = comfy.run(with_mask(comfy, film, save_as="clicked"))
    job = comfy.module("dragvideo_core.job_file").read_job(outcome.values["job"][0])
    assert job.sam == comfy.base / "models" / "sams" / "vit.pth" and job.front is not None


def _ui_texts(outcome) -> list[tuple[str, str]]:
    """The texts that output nodes show."""
    return [(name, text) for name, shown in outcome.ui.items() for text in shown.get("text", [])]


@pytest.mark.faults
@pytest.mark.parametrize("name", ["../job", "/tmp/job", "a\0b", "x" * 300, "", "unfinished/job"])
def test_no_job_is_written_outside_its_folder(comfy: Comfy, name: str):
    folders, types = comfy.module("nodes.comfy.folders"), comfy.module("dragvideo_core.types")
    with pytest.raises(types.UserError, match="save_as"):
        folders.new_job_path(name)


@pytest.mark.faults
def test_points_outside_the_film_are_refused_before_anything_is_written(comfy: Comfy, film: str):  # noqa: F811
    outcome = comfy.run(graph(comfy, film, {"handle": [480, 32], "target": [56, 32]}, save_as="bad"))
    assert outcome.status == "error" and "handle 1" in outcome.error["exception_message"]
    assert not list((comfy.base / "output").rglob("bad*"))


@pytest.mark.faults
def test_frames_without_a_file_are_refused(comfy: Comfy, film: str):  # noqa: F811
    whole = graph(comfy, film)
    whole["parts"] = graphs.node("GetVideoComponents", video=["load", 0])
    whole["made"] = graphs.node("CreateVideo", images=["parts", 0], fps=8.0)
    whole["job"]["inputs"]["video"] = ["made", 0]
    outcome = comfy.run(whole)
    assert outcome.status == "error" and "comes from one" in outcome.error["exception_message"]
