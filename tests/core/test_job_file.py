"""Jobs are read right or refused in a sentence, and written and read again."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from core.jobs import EMBEDDED, FAST, drawing, job_file
from core.test_film_edit import points

from dragvideo_core import job_file as job_files
from dragvideo_core.diffusion.added_lora import Lora
from dragvideo_core.film_edit import FilmSettings
from dragvideo_core.job_file import Checkpoint, Job, read_job, write_job
from dragvideo_core.pipeline import Settings
from dragvideo_core.stages.displace import DisplaceSettings
from dragvideo_core.stages.drag import DragSettings
from dragvideo_core.stages.tune import TuneSettings
from dragvideo_core.types import UserError

ROOT = Path(__file__).resolve().parents[2]


def test_what_a_job_does_not_say_is_the_default(tmp_path):
    job = read_job(job_file(tmp_path, settings=None))
    assert (job.film, job.output, job.subject, job.sam) == (tmp_path / "disc.mkv", tmp_path / "out.mkv", None, None)
    assert job.film_settings == FilmSettings() and json.loads(job.points) == json.loads(points())


def test_settings_go_to_their_stages(tmp_path):
    chosen = {"film": {"codec": "hevc", "quality": 3}, "displace": {"stiffness": 1}, "propagate": {"tracker": "flow"}}
    made = read_job(job_file(tmp_path, settings=chosen)).film_settings
    assert (made.codec, made.quality, made.displace, made.propagate.tracker) == ("hevc", 3, DisplaceSettings(1.0), "flow")
    settings = read_job(drawing(tmp_path, settings=FAST | {"displace": None, "load": {"memory_limit": None}})).settings
    assert settings.displace is None and settings.drag == DragSettings(steps=(3,), iterations=1, turns=1)
    assert (settings.load.width, settings.load.select_every_nth, settings.tune.passes) == (128, 1, 0)


def test_a_checkpoint_has_the_usual_settings_and_is_written_and_read_again(tmp_path):
    loras = [{"file": "wolf.safetensors", "strength": 0.5}, {"file": "fur.safetensors"}]
    model = {"kind": "checkpoint", "file": "sd15.safetensors", "prompt": "a wolf", "tokenizer": "clip", "loras": loras}
    job = read_job(job_file(tmp_path, output="out.mp4", model=model, settings={"drag": {"iterations": 9}}))
    wanted = Lora(tmp_path / "wolf.safetensors", 0.5), Lora(tmp_path / "fur.safetensors", 1.0)
    assert job.checkpoint == Checkpoint(tmp_path / "sd15.safetensors", "a wolf", tmp_path / "clip", wanted) and job.has_model
    assert job.settings == Settings(drag=DragSettings(iterations=9))
    write_job(tmp_path / "written.json", job)
    assert read_job(tmp_path / "written.json") == job
    assert json.loads((tmp_path / "written.json").read_text())["settings"] == {"drag": {"iterations": 9}}


@pytest.mark.parametrize("subject", [None, "", "flower"])
def test_a_job_is_written_and_read_again(tmp_path, subject):
    film = FilmSettings(DisplaceSettings(0.7), codec="hevc", quality=0)
    stages = Settings(load=read_job(drawing(tmp_path)).settings.load, displace=None, drag=DragSettings(steps=(40, 3)))
    settings = {"film_settings": film} if subject is None else {"settings": stages}
    sam = tmp_path.parent / "sam.pth"
    job = Job(tmp_path / "a" / "film.mp4", points(), tmp_path / "out.mp4", subject, sam=sam, **settings)
    write_job(tmp_path / "written.json", job)
    again = read_job(tmp_path / "written.json")
    assert replace(again, points="") == replace(job, points="") and json.loads(again.points) == json.loads(job.points)
    written = json.loads((tmp_path / "written.json").read_text())
    assert written["film"] == "a/film.mp4" and Path(written["sam"]).is_absolute()
    assert written["settings"].keys() == ({"film", "displace"} if subject is None else {"displace", "drag"})


def test_masks_and_corrections_are_written_and_read_again(tmp_path):
    moves = {"version": 2, "size": [128, 96], "moves": [{"frame": 3, "pair": 0, "handle": [44.0, 50.0]}]}
    path = job_file(tmp_path, mask="thing.png", front="/masks/front.safetensors", corrections=moves)
    job = read_job(path)
    assert (job.mask, job.front) == (tmp_path / "thing.png", Path("/masks/front.safetensors"))
    assert json.loads(job.corrections) == moves
    write_job(tmp_path / "written.json", job)
    assert read_job(tmp_path / "written.json") == job


@pytest.mark.faults
@pytest.mark.parametrize(
    "changes, says",
    [
        ({"drag_a_video_job": 2}, "version 1"),
        ({"drag_a_video_job": True}, "version 1"),
        ({"film": None}, "missing .*film"),
        ({"film": 5}, "name of a file in 'film'"),
        ({"film": "a\0b"}, "name of a file in 'film'"),
        ({"output": "../out.mp4"}, "job's own folder"),
        ({"output": "/etc/out.mp4"}, "job's own folder"),
        ({"output": "."}, "job's own folder"),
        ({"output": "link/out.mp4"}, "job's own folder"),
        ({"output": ".bashrc"}, "ends in .mp4"),
        ({"points": "text"}, "Pick Points"),
        ({"extra": 1}, "unknown .*extra"),
        ({"mask": 5}, "name of a file in 'mask'"),
        ({"front": ""}, "name of a file in 'front'"),
        ({"corrections": "text"}, "'corrections'"),
        ({"model": EMBEDDED, "settings": {}, "mask": "mask.png"}, "in a job with a model"),
        ({"model": "embedded"}, '"kind": "none"'),
        ({"model": {"kind": "checkpoint"}}, '"kind": "none"'),
        ({"model": {"kind": "checkpoint", "file": 5}}, "name of a file in 'file'"),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "prompt": ["a"]}}, '"kind": "none"'),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "lora": "b"}}, '"kind": "none"'),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "loras": "b"}}, "'loras'"),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "loras": ["b"]}}, "'loras'"),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "loras": [{"file": "b", "strength": "1"}]}}, "'loras'"),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "loras": [{"file": "b", "strength": 1000}]}}, "'loras'"),
        ({"model": {"kind": "checkpoint", "file": "a.safetensors", "loras": [{"file": 5}]}}, "name of a file"),
        ({"model": {"kind": "embedded", "subject": "swan"}}, "flower"),
        ({"model": {"kind": "embedded", "subject": ["flower"]}}, "flower"),
        ({"settings": []}, "'settings' of film"),
        ({"settings": {"drag": {}}}, "'settings' of film"),
        ({"settings": {"film": None}}, "settings of 'film'"),
        ({"settings": {"film": {"displace": {}}}}, "settings of 'film' among window"),
        ({"settings": {"film": {"window": 0}}}, "'film.window'"),
        ({"settings": {"film": {"window": True}}}, "'film.window'"),
        ({"settings": {"film": {"window": 2.0}}}, "'film.window'"),
        ({"settings": {"film": {"codec": 1}}}, "'film.codec'"),
        ({"settings": {"displace": {"stiffness": "1"}}}, "'displace.stiffness'"),
        ({"settings": {"displace": {"stiffness": 10**400}}}, "'displace.stiffness'"),
        ({"settings": {"propagate": {"tracker": "raft"}}}, "one of auto, dift, flow"),
        ({"settings": {"propagate": {"fit_mask": 1}}}, "true or false"),
        ({"model": EMBEDDED, "settings": {"drag": {"steps": []}}}, "list of whole numbers"),
        ({"model": EMBEDDED, "settings": {"drag": {"steps": [1.5]}}}, "list of whole numbers"),
        ({"model": EMBEDDED, "settings": {"drag": None}}, "settings of 'drag'"),
    ],
    ids=str,
)
def test_what_is_no_job_is_refused_in_a_sentence(tmp_path, changes, says):
    (tmp_path / "link").symlink_to(tmp_path.parent)
    with pytest.raises(UserError, match=says) as refusal:
        read_job(job_file(tmp_path, **changes))
    assert "'job.json'" in str(refusal.value) and len(str(refusal.value)) < 1000


@pytest.mark.faults
@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, '{"drag_a_video_job": NaN}', "\ud800", "x" * 5_000_000])
def test_a_file_that_is_no_json_object_is_refused(tmp_path, text):
    (tmp_path / "job.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(UserError, match="job.json' cannot be used"):
        read_job(tmp_path / "job.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_job(tmp_path / "nowhere.json")


def test_the_documents_examples_are_jobs(tmp_path):
    text = (ROOT / "docs" / "headless.md").read_text(encoding="utf-8")
    examples = re.findall(r"```json\n(\{.*?\n\})\n```", text, re.S)
    assert len(examples) >= 2
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.json"
        path.write_text(example)
        read_job(path)
    for section in ("film", *(name for name in vars(Settings()))):
        assert f"`{section}`" in text, section
    assert set(job_files.KEYS) <= set(re.findall(r"`(\w+)`", text))
    assert TuneSettings().passes == 100 and "100" in text
