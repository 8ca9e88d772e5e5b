"""Jobs are made from the command line, broken off and gone on with."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from core.jobs import EMBEDDED, FAST, drawing, job_file
from core.test_film_edit import COUNT, pictures, points, read, write
from PIL import Image

from dragvideo_core import __main__ as command
from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.files.mask_file import write_mask
from dragvideo_core.film_edit import FilmSettings, drag_a_film
from dragvideo_core.job import run_job
from dragvideo_core.job_file import read_job
from dragvideo_core.media.film import open_film
from dragvideo_core.media.video_file import read_audio, write_video
from dragvideo_core.stages.load import LoadSettings, load
from dragvideo_core.stages.segment import segment
from dragvideo_core.types import UserError

ROOT = Path(__file__).resolve().parents[2]


TONE = 0.5 * torch.sin(torch.arange(11_025) * 0.1)[None, None]  # two frames of 8 a second


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "disc.mkv", pictures())
    write_video(tmp_path / "flower.mp4", demo_clip("flower", 101, 2).clip, sound=(TONE, 44_100))
    return tmp_path


def test_a_job_makes_the_film_that_the_function_makes(folder, capsys):
    assert command.main(["run", str(job_file(folder))]) == 0
    drag_a_film(folder / "disc.mkv", points(), folder / "own.mkv", FilmSettings(codec="ffv1"))
    assert all((a == b).all() for a, b in zip(read(folder / "out.mkv"), read(folder / "own.mkv"), strict=True))
    captured = capsys.readouterr()
    assert f"out.mkv: {COUNT} frames" in captured.out and "film" in captured.err and "100%" in captured.err


def test_masks_and_corrections_go_to_the_film(folder):
    """A mask of another thing than the strokes', something in front of it, and a handle that was corrected."""
    thing, front = torch.zeros(1, 96, 128), torch.zeros(1, 96, 128)
    thing[:, 40:60, 30:50], front[:, 40:44] = 1, 1
    Image.fromarray((thing[0].numpy() * 255).astype(np.uint8)).save(folder / "thing.png")
    write_mask(folder / "front.safetensors", front)
    moves = {"version": 2, "size": [128, 96], "moves": [{"frame": 3, "pair": 0, "handle": [44.0, 51.0]}]}
    run_job(read_job(job_file(folder, mask="thing.png", front="front.safetensors", corrections=moves)))
    made, chosen = read(folder / "out.mkv"), FilmSettings(codec="ffv1")
    for mask, in_front, corrections in ((thing, front, json.dumps(moves)), (None, front, json.dumps(moves)), (thing, front, "")):
        drag_a_film(
            folder / "disc.mkv", points(), folder / "own.mkv", chosen, segment(mask, front=in_front), corrections=corrections
        )
        is_same = all((a == b).all() for a, b in zip(made, read(folder / "own.mkv"), strict=True))
        assert is_same == (mask is thing and corrections != "")


def test_what_leaves_nothing_to_the_model_is_not_tuned_inverted_or_dragged(folder):
    settings, stages = {name: values for name, values in FAST.items() if name != "decode"}, []
    assert run_job(read_job(drawing(folder, settings=settings)), on_stage=stages.append).frames == 2
    assert stages == ["load", "propagate", "displace", "evaluate"]


def test_with_the_embedded_model_all_stages_run_and_each_is_named(folder, capsys):
    assert command.main(["run", str(drawing(folder)), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    stages = ["load", "propagate", "displace", "tune", "invert", "drag", "decode", "evaluate"]
    assert [line["stage"] for line in lines if line["event"] == "stage"] == stages
    assert all(0 <= line["done"] <= line["total"] for line in lines if line["event"] == "progress")
    assert lines[-1]["event"] == "finished" and lines[-1]["frames"] == 2 and "mean_distance" in lines[-1]["scores"]
    assert open_film(folder / "out.mp4").size == (128, 128)
    clip = load(folder / "out.mp4", LoadSettings(128, 128, select_every_nth=1))
    heard, rate = read_audio(folder / "out.mp4", clip)
    assert rate == 44_100 and heard.shape == TONE.shape and (heard - TONE).norm() < 0.3 * TONE.norm()
    assert not list(folder.glob(".*"))  # nothing unfinished


@pytest.mark.faults
def test_sound_that_cannot_be_read_costs_no_film(folder, capsys, monkeypatch):
    def refuse(film, clip):
        raise UserError("the sound cannot be read")

    monkeypatch.setattr("dragvideo_core.job.read_audio", refuse)
    assert command.main(["run", str(drawing(folder))]) == 0 and (folder / "out.mp4").exists()
    assert "written without sound" in capsys.readouterr().err


@pytest.mark.faults
def test_an_output_that_is_there_is_kept_unless_overwriting_is_allowed(folder, capsys):
    path = job_file(folder)
    (folder / "out.mkv").write_bytes(b"mine")
    assert command.main(["run", str(path), "--json"]) == command.REFUSED
    assert "is there already" in json.loads(capsys.readouterr().out)["text"] and (folder / "out.mkv").read_bytes() == b"mine"
    assert command.main(["run", str(path), "--overwrite"]) == 0 and len(read(folder / "out.mkv")) == COUNT
    elsewhere = folder.parent / f"{folder.name} elsewhere.mkv"
    assert command.main(["run", str(path), "--output", str(elsewhere)]) == 0 and len(read(elsewhere)) == COUNT


@pytest.mark.faults
@pytest.mark.parametrize(
    "changes, says",
    [
        ({"film": "nowhere.mkv"}, "nowhere.mkv"),
        ({"points": {"version": 2, "pairs": []}}, "at least one pair"),
        ({"output": "out.mp4"}, "ffv1"),
        ({"settings": {"film": {"codec": "av1"}}}, "av1"),
        ({"sam": "nowhere.pth"}, "nowhere.pth"),
        ({"mask": "disc.mkv"}, "'disc.mkv' is no mask"),
        ({"front": "nowhere.safetensors"}, "'nowhere.safetensors' is no mask"),
        ({"model": EMBEDDED, "settings": {}}, r"must end in \.mp4"),
        ({"model": {"kind": "checkpoint", "file": "no.safetensors"}, "settings": {}, "output": "out.mp4"}, "no such file"),
        ({"model": {"kind": "checkpoint", "file": "x", "prompt": "a"}, "settings": {}, "output": "out.mp4"}, "sd1_tokenizer"),
    ],
    ids=str,
)
def test_what_the_stages_refuse_is_said_and_nothing_is_left(folder, changes, says, capsys):
    assert command.main(["run", str(job_file(folder, **changes))]) == command.REFUSED
    assert re.search(says, capsys.readouterr().err)
    assert {path.name for path in folder.iterdir()} == {"disc.mkv", "flower.mp4", "job.json"}


def test_a_job_with_a_model_that_is_broken_off_goes_on_where_it_was(folder):
    """The training is made once: what was trained waits beside the output."""
    settings = FAST | {"tune": {"passes": 4, "batch": 1, "rank": 2}}
    job = read_job(drawing(folder, settings=settings))
    stage, steps = [""], []

    def stop_in_invert(done, total, picture):
        if stage[0] == "invert":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job, on_stage=lambda name: stage.append((stage.pop() and name) or name), on_progress=stop_in_invert)
    assert not job.output.exists() and list(folder.glob(".out.mp4.unfinished/*"))
    run_job(job, on_stage=lambda name: stage.__setitem__(0, name), on_progress=lambda *at: steps.append((stage[0], at[0])))
    assert [done for name, done in steps if name == "tune"] == [8]  # all of it was there
    assert job.output.exists() and not list(folder.glob(".out*"))


def test_a_film_that_is_broken_off_goes_on_behind_its_finished_windows(folder):
    job = read_job(job_file(folder, settings={"film": {"codec": "ffv1", "window": 4, "beside": 2}}))

    def stop(done, total, picture):
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_job(job, on_progress=stop)
    assert not job.output.exists() and list(folder.glob(".*.unfinished/*"))
    run_job(job)
    drag_a_film(job.film, job.points, folder / "own.mkv", job.film_settings)
    assert all((a == b).all() for a, b in zip(read(job.output), read(folder / "own.mkv"), strict=True))
    assert not list(folder.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_in_a_sentence_and_leaves_no_film(folder, sent):
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "dragvideo_core",
            "run",
            str(drawing(folder, settings={"tune": {"passes": 500}, "decode": {"keep_pixels": False}})),
            "--json",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        for line in process.stdout:
            if json.loads(line).get("stage") == "tune" and json.loads(line).get("done", 0) >= 2:  # there is something to keep
                break
        process.send_signal(sent)
        rest = [json.loads(line) for line in process.stdout]
        assert process.wait(timeout=120) == command.STOPPED
    finally:
        process.kill()
        process.wait()
    assert rest[-1]["event"] == "failed" and "stopped" in rest[-1]["text"]
    assert not (folder / "out.mp4").exists() and list(folder.glob(".out.mp4.unfinished/*"))


def test_progress_is_one_line_at_a_time(capsys, monkeypatch):
    lines, now = command.Lines(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    lines.stage("drag")
    for done in range(1, 101):
        now[0] += 0.01
        lines.progress(done, 100, None)
    given = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert 5 <= len(given) <= 15 and given[-1] == {"event": "progress", "stage": "drag", "done": 100, "total": 100}


def together(path: Path) -> subprocess.Popen:
    """The job, begun by two processes."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.Popen(
        [*launch, "-m", "dragvideo_core", "run", str(path), "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


@pytest.mark.slow
@pytest.mark.distributed
def test_torchrun_makes_the_film_that_one_process_makes(folder):
    """Three frames on two ranks; one of them says what happens."""
    write_video(folder / "flower.mp4", demo_clip("flower", 101, 3).clip)
    path = drawing(folder, settings=FAST | {"tune": {"passes": 1, "batch": 2, "rank": 2}})
    done = together(path)
    output, errors = done.communicate()
    assert done.returncode == 0, errors[-3000:]
    lines = [json.loads(line) for line in output.splitlines()]
    assert [line["event"] for line in lines].count("finished") == 1 and lines[-1]["frames"] == 3
    run_job(replace(read_job(path), output=folder / "own.mp4"))
    shared, alone = (np.stack(read(folder / name)).astype(int) for name in ("out.mp4", "own.mp4"))
    assert shared.shape == alone.shape and np.abs(shared - alone).max() <= 2  # grey levels
    assert not list(folder.glob(".out*"))


@pytest.mark.slow
@pytest.mark.distributed
def test_torchrun_shares_a_whole_film_and_goes_on_after_ctrl_c(folder):
    """Windows of three frames, on two ranks."""
    write(folder / "disc.mkv", pictures(50))
    path = job_file(folder, settings={"film": {"codec": "ffv1", "window": 3, "beside": 2}})
    begun = together(path)
    try:
        for line in begun.stdout:
            if json.loads(line).get("done", 0) > 6:
                break
        os.killpg(begun.pid, signal.SIGINT)  # as a terminal does: to the launcher and to both processes
        rest, errors = begun.communicate(timeout=120)
        assert begun.returncode != 0 and json.loads(rest.splitlines()[-1])["text"].startswith("stopped: no film was written")
    finally:
        begun.kill()
        begun.wait()
    kept = list(folder.glob(".*.unfinished/*"))
    assert not (folder / "out.mkv").exists() and 2 <= len(kept) < 17
    again = together(path)
    output, errors = again.communicate(timeout=120)
    lines = [json.loads(line) for line in output.splitlines()]
    assert again.returncode == 0 and lines[-1]["event"] == "finished" and lines[-1]["frames"] == 50, errors[-3000:]
    job = read_job(path)
    drag_a_film(job.film, job.points, folder / "own.mkv", job.film_settings)
    assert all((a == b).all() for a, b in zip(read(folder / "out.mkv"), read(folder / "own.mkv"), strict=True))
    assert not list(folder.glob(".*"))
