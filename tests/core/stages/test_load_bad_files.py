"""Load: what bad files and settings out of range say."""

import time
import warnings

import numpy as np
import pytest
import torch
from core import video_corpus as corpus
from core.video_corpus import ALL, settings, which

from dragvideo_core.media.video_file import DamagedVideoWarning
from dragvideo_core.stages.load import load
from dragvideo_core.types import UserError

pytestmark = pytest.mark.faults


def bad_files(folder):
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("not a video " * 500)
    (folder / "list.mp4").write_text(f"ffconcat version 1.0\nfile '{folder / 'whole.mp4'}'\n")
    corpus.write(folder / "whole.mp4", corpus.grey_frames(6))
    cut = corpus.write(folder / "cut.mp4", corpus.grey_frames(6))
    return {
        "missing": (folder / "missing.mp4", "no video 'missing.mp4'"),
        "folder": (folder, "expected a file"),
        "zero length": (folder / "empty.mp4", "is empty"),
        "not a video": (folder / "text.mp4", "cannot be read"),
        "a list of other files": (folder / "list.mp4", "cannot be read"),
        "index cut off": (corpus.truncate(cut, 0.6), "no video stream|cannot be read"),
        "no video stream": (corpus.sound_only(folder / "sound.wav"), "no video stream"),
        "huge header": (corpus.png_that_claims(folder / "huge.png", 100_000, 100_000), "8192 x 8192"),
        "large header": (corpus.png_that_claims(folder / "large.png", 16_000, 16_000), "8192 x 8192"),
        "no pixels": (corpus.png_that_claims(folder / "hollow.png", 4000, 4000), "no picture"),
    }


BAD = [
    "missing",
    "folder",
    "zero length",
    "not a video",
    "a list of other files",
    "index cut off",
    "no video stream",
    "huge header",
    "large header",
    "no pixels",
]


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_one_clear_error_at_once(tmp_path, kind):
    path, says = bad_files(tmp_path)[kind]
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserError, match=says):
            load(path, ALL)
    assert time.process_time() - began < 10


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_truncated_video_loads_as_far_as_it_goes_and_says_so(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 60, (40, 64, 64, 3), np.uint8) + corpus.grey_frames(40) // 2
    path = corpus.write(
        tmp_path / f"cut.{suffix}",
        noise,
        options={"bf": "0", "g": "1"},
        container_options={"movflags": "faststart"} if suffix == "mp4" else None,
    )
    whole = load(path, ALL)
    corpus.truncate(path, 0.6)
    with pytest.warns(DamagedVideoWarning, match="truncated or damaged"):
        clip = load(path, ALL)
    assert 15 <= len(clip) < 30 and torch.equal(clip.frames[:15], whole.frames[:15])


def test_a_whole_video_gives_no_warning(plain):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(plain, ALL)


def test_a_billion_frame_claim_is_refused_unless_capped(tmp_path):
    path = corpus.patch_mp4(corpus.write(tmp_path / "b.mp4", corpus.grey_frames(6)), b"stts", 8, 10**9)
    with pytest.raises(UserError, match="1000000000 frames.*'frame_load_cap'.*'select_every_nth'"):
        load(path, ALL)
    assert which(load(path, settings(frame_load_cap=4))) == [0, 1, 2, 3]


def test_what_does_not_fit_is_refused_before_decoding(plain):
    decoded = []
    limit = 40 * 64 * 64 + 24 * 64 * 64 * 10  # the frame at work, and ten kept ones
    with pytest.raises(UserError, match="24 frames.*'frame_load_cap' to 10 or less.*'select_every_nth'"):
        load(plain, settings(memory_limit=limit), lambda *a: decoded.append(a))
    assert not decoded
    assert len(load(plain, settings(memory_limit=limit, frame_load_cap=10))) == 10
    with pytest.raises(UserError, match="not one frame"):
        load(plain, settings(memory_limit=1000))


def test_a_header_that_understates_is_caught_while_decoding(tmp_path):
    gap = corpus.write(tmp_path / "gap.mkv", corpus.grey_frames(3), stamps_ms=[0, 10, 2_000_000_000])
    with pytest.raises(UserError, match="'frame_load_cap'"):
        load(gap, settings(force_rate=1000.0, memory_limit=2**24))


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"width": 500}, "multiples of 64"),
        ({"width": 0}, "multiples of 64"),
        ({"height": -64}, "multiples of 64"),
        ({"width": 2**40}, "multiples of 64"),
        ({"select_every_nth": 0}, "select_every_nth"),
        ({"skip_first_frames": -1}, "skip_first_frames"),
        ({"frame_load_cap": -1}, "frame_load_cap"),
        ({"force_rate": float("nan")}, "force_rate"),
        ({"force_rate": float("inf")}, "force_rate"),
        ({"force_rate": 1e12}, "force_rate"),
        ({"force_rate": -1.0}, "force_rate"),
        ({"memory_limit": 0}, "memory_limit"),
        ({"skip_first_frames": 24}, "skip_first_frames"),
        ({"skip_first_frames": 10**30}, "skip_first_frames"),
    ],
)
def test_settings_out_of_range_are_named(plain, changes, says):
    with pytest.raises(UserError, match=says):
        load(plain, settings(**changes))


def test_a_source_too_small_for_its_own_size_says_what_to_set(tmp_path):
    path = corpus.write(tmp_path / "s.png", corpus.quarters(128, 32), codec="png", pixels="rgb24")
    with pytest.raises(UserError, match="'width' and 'height'"):
        load(path, settings(width=0, height=0))
    assert load(path, ALL).size == (64, 64)
