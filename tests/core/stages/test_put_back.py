"""An edit of a loaded clip goes back into its film: there, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from core import video_corpus as corpus
from core.test_film_edit import read

from dragvideo_core.media.film import open_film
from dragvideo_core.media.video_file import read_audio
from dragvideo_core.stages.load import LoadSettings, load
from dragvideo_core.stages.put_back import PutBackSettings, put_back
from dragvideo_core.types import UserError

SIDE, COUNT, FIRST = (192, 256), 7, 2
LOSSLESS = PutBackSettings(first_frame=FIRST, codec="ffv1")


def film(path: Path, **how) -> Path:
    """Blocks of colour that move, with a tone."""
    coarse = np.random.default_rng(0).integers(0, 255, (SIDE[0] // 8, SIDE[1] // 8, 3)).astype(np.uint8)
    picture = coarse.repeat(8, 0).repeat(8, 1)
    frames = np.stack([np.roll(picture, 3 * i, 1) for i in range(COUNT)])
    tone = np.sin(np.arange(4000) / 5)[None].astype(np.float32)
    return corpus.write(path, frames, **{"codec": "ffv1", "pixels": "yuv444p", "rate": 12, "sound": tone, **how})


def clip_of(path: Path, side: tuple[int, int] = (0, 0), frames: int = 3) -> torch.Tensor:
    settings = LoadSettings(width=side[1], height=side[0], select_every_nth=1, skip_first_frames=FIRST, frame_load_cap=frames)
    return load(path, settings).frames


def marked(frames: torch.Tensor) -> torch.Tensor:
    """A white square in the middle of each."""
    edited, (height, width) = frames.clone(), frames.shape[-2:]
    edited[:, :, height // 2 - 8 : height // 2 + 8, width // 2 - 8 : width // 2 + 8] = 1
    return edited


@pytest.mark.parametrize(
    "side, scale", [((0, 0), 1.0), ((128, 128), 1.5), ((192, 256), 1.0)], ids=["own", "cut and scaled", "same"]
)
def test_what_was_edited_is_in_the_film_and_nothing_else(tmp_path, side, scale):
    source, output = film(tmp_path / "film.mkv"), tmp_path / "out.mkv"
    clip = clip_of(source, side)
    put_back(source, clip, marked(clip), output, LOSSLESS)
    before, after = read(source), read(output)
    assert len(after) == COUNT and open_film(output).times == open_film(source).times
    reach = round(8 * scale) + 3 * (scale > 1)
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        differs = (old != new).any(-1)
        if not FIRST <= i < FIRST + 3:
            assert not differs.any()
            continue
        rows, columns = np.nonzero(differs)
        assert rows.min() >= 96 - reach and rows.max() < 96 + reach and columns.min() >= 128 - reach and columns.max() < 128 + reach
        assert new[92:100, 124:132].min() > 250
    whole = load(source, LoadSettings(0, 0, select_every_nth=1, frame_load_cap=0))
    heard, kept = (read_audio(path, whole) for path in (source, output))
    assert heard is not None and kept is not None and heard[1] == kept[1] and torch.equal(heard[0], kept[0])


def test_ten_bits_stay_ten_bits(tmp_path):
    source, output = film(tmp_path / "deep.mkv", pixels="yuv444p10le", tags=(1, 1, 1, 1)), tmp_path / "out.mkv"
    clip = clip_of(source)
    put_back(source, clip, marked(clip), output, LOSSLESS)
    assert open_film(output).bits == 10 and read(output)[FIRST][96, 128].min() > 250 * 257
    assert np.array_equal(read(output)[0], read(source)[0])


def test_a_mask_says_what_counts(tmp_path):
    source, output = film(tmp_path / "film.mkv"), tmp_path / "out.mkv"
    clip = clip_of(source)
    mask = torch.zeros(1, *clip.shape[-2:])
    mask[:, :, : clip.shape[-1] // 2] = 1
    put_back(source, clip, torch.ones_like(clip), output, LOSSLESS, mask)
    new, old = read(output)[FIRST], read(source)[FIRST]
    assert new[:, :128].min() > 250 and np.array_equal(new[:, 128:], old[:, 128:])


@pytest.mark.parametrize(
    "change, says",
    [
        (lambda clip: (clip, clip[:2], LOSSLESS), "3 frames of 256 x 192 and 2 frames of 256 x 192"),
        (lambda clip: (clip, clip, PutBackSettings(first_frame=0, codec="ffv1")), "'first_frame'"),
        (lambda clip: (clip, clip, PutBackSettings(first_frame=5, codec="ffv1")), "the film has 7 frames"),
        (lambda clip: (clip, clip, PutBackSettings(first_frame=-1, codec="ffv1")), "0 or more"),
    ],
    ids=["counts", "another place", "beyond the end", "before the start"],
)
def test_what_does_not_fit_is_refused_and_leaves_no_file(tmp_path, change, says):
    source, output = film(tmp_path / "film.mkv"), tmp_path / "out.mkv"
    original, edited, settings = change(clip_of(source))
    with pytest.raises(UserError, match=says):
        put_back(source, original, edited, output, settings)
    assert [path.name for path in tmp_path.iterdir()] == ["film.mkv"]


def test_every_third_frame_is_refused(tmp_path):
    source = film(tmp_path / "film.mkv")
    clip = load(source, LoadSettings(0, 0, select_every_nth=2, skip_first_frames=FIRST, frame_load_cap=3)).frames
    with pytest.raises(UserError, match="select_every_nth"):
        put_back(source, clip, clip, tmp_path / "out.mkv", LOSSLESS)
