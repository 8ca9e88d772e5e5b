"""Load: which frames come out, how they look, how long they last."""

import warnings
from fractions import Fraction

import numpy as np
import pytest
import torch
from core import video_corpus as corpus
from core.video_corpus import ALL, settings, which

from dragvideo_core.media.container import VideoWarning
from dragvideo_core.media.picture import centre_window, clip_from_frames, resize
from dragvideo_core.media.video_file import read_audio, write_video
from dragvideo_core.stages.load import LoadSettings, load
from dragvideo_core.types import UserError, VideoClip

VARIABLE = [0, 10, 20, 30, 40, 50, 250, 450, 650, 850, 1050, 1250]  # ms


def fit(rgb: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    rows, columns = centre_window(rgb.shape[1:], size)
    return resize(rgb[:, rows, columns], size)


def corners(clip: VideoClip) -> list[str]:
    """Names of the colours at top left, top right, bottom left, bottom right of frame 0."""
    names = {"red": corpus.RED, "green": corpus.GREEN, "blue": corpus.BLUE, "white": corpus.WHITE}
    height, width = clip.size
    found = []
    for y, x in ((0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75)):
        seen = clip.frames[0, :, int(y * height), int(x * width)].numpy() * 255
        found.append(min(names, key=lambda name: np.abs(seen - names[name]).sum()))
    return found


# ------------------------------------------------------------------------------------------------------ which frames


def test_one_frame_in_three_up_to_the_cap_is_the_papers_default(plain):
    clip = load(plain)
    assert clip.source_index.tolist() == list(range(0, 24, 3)) == which(clip)
    assert clip.size == (512, 512) and clip.fps == pytest.approx(10.0)
    assert clip.frames.dtype == torch.float32 and clip.frames.device.type == "cpu"
    assert LoadSettings().frame_load_cap == 16


@pytest.mark.parametrize("skip, every, cap", [(0, 1, 0), (5, 1, 3), (4, 7, 0), (0, 30, 16), (23, 3, 0), (2, 3, 2)])
def test_skipping_selecting_and_the_cap_are_a_slice(plain, skip, every, cap):
    clip = load(plain, settings(skip_first_frames=skip, select_every_nth=every, frame_load_cap=cap))
    expected = list(range(24))[skip::every][: cap or None]
    assert clip.source_index.tolist() == expected == which(clip)
    assert clip.fps == pytest.approx(30 / every)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_keeps_its_true_timing(tmp_path, suffix):
    path = corpus.write(tmp_path / f"v.{suffix}", corpus.grey_frames(12), stamps_ms=VARIABLE)
    assert load(path, ALL).fps == pytest.approx(11 / 1.25)  # 11 gaps in 1250 ms
    late = load(path, settings(skip_first_frames=6))
    assert which(late) == list(range(6, 12)) and late.fps == pytest.approx(5.0)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_force_rate_shows_at_every_tick_what_the_file_shows_then(tmp_path, suffix):
    path = corpus.write(tmp_path / f"v.{suffix}", corpus.grey_frames(12), stamps_ms=VARIABLE)
    clip = load(path, settings(force_rate=10, frame_load_cap=13))
    expected = [max(i for i, ms in enumerate(VARIABLE) if ms <= tick * 100) for tick in range(13)]
    assert clip.source_index.tolist() == expected == which(clip)
    assert clip.fps == 10.0
    every_second = load(path, settings(force_rate=10, frame_load_cap=6, select_every_nth=2, skip_first_frames=1))
    assert every_second.source_index.tolist() == expected[1::2] and every_second.fps == 5.0


def test_force_rate_of_the_files_own_rate_changes_nothing(plain):
    own, forced = load(plain, ALL), load(plain, settings(force_rate=30))
    assert forced.source_index.tolist() == own.source_index.tolist() and forced.fps == own.fps
    doubled = load(plain, settings(force_rate=60))
    assert doubled.source_index.tolist() == [i for i in range(24) for _ in "ab"]


def test_frames_stored_out_of_order_come_in_order_of_display(tmp_path):
    path = corpus.write(tmp_path / "b.mp4", corpus.grey_frames(20), options={"bf": "3", "b-adapt": "0"})
    assert which(load(path, ALL)) == list(range(20))


def test_a_still_picture_is_a_clip_of_one_frame(tmp_path):
    path = corpus.write(tmp_path / "still.png", corpus.quarters(), codec="png", pixels="rgb24")
    clip = load(path, settings(width=128))
    assert len(clip) == 1 and clip.source_index.tolist() == [0] and corners(clip) == ["red", "green", "blue", "white"]


def test_progress_counts_up_to_the_total_and_draws(plain):
    seen = []
    load(plain, settings(select_every_nth=5), lambda done, total, draw: seen.append((done, total, tuple(draw().shape))))
    assert seen == [(i, 5, (3, 64, 64)) for i in range(1, 6)]


def test_cancelling_leaves_the_file_usable(plain):
    def cancel(done, total, draw):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(plain, ALL, cancel)
    assert len(load(plain, ALL)) == 24


# ------------------------------------------------------------------------------------------------------ how they look


UPRIGHT = ["red", "green", "blue", "white"]
TURNS = {  # as a viewer sees them: positive turns go against the clock
    (0, False): UPRIGHT,
    (90, False): ["green", "white", "red", "blue"],
    (180, False): ["white", "blue", "green", "red"],
    (-90, False): ["blue", "red", "white", "green"],
    (0, True): ["green", "red", "white", "blue"],
}


@pytest.mark.parametrize("turn, mirrored", TURNS)
def test_a_turned_phone_video_stands_upright(tmp_path, turn, mirrored):
    path = corpus.write(tmp_path / "r.mp4", corpus.quarters(128, 64), rotation=turn, mirrored=mirrored)
    clip = load(path, settings(width=0, height=0))
    assert clip.size == ((128, 64) if turn in (90, -90) else (64, 128))
    assert corners(clip) == TURNS[turn, mirrored]


@pytest.mark.parametrize("turn, size", [(None, (64, 192)), (90, (192, 64))])
def test_wide_pixels_are_seen_wide(tmp_path, turn, size):
    path = corpus.write(tmp_path / "a.mp4", corpus.quarters(96, 64), aspect=Fraction(2, 1), rotation=turn)
    clip = load(path, settings(width=0, height=0))
    assert clip.size == size and corners(clip) == (TURNS[90, False] if turn else UPRIGHT)


def test_ten_bit_video_keeps_its_levels(tmp_path):
    path = corpus.write(tmp_path / "ten.mkv", corpus.grey_frames(6), codec="ffv1", pixels="yuv420p10le")
    clip = load(path, ALL)
    levels = torch.tensor([corpus.grey(i) for i in range(6)]).float()
    assert torch.allclose(clip.frames[:, 0, 0, 0] * 255, levels, atol=0.6)


@pytest.mark.parametrize("codec, pixels, suffix", [("png", "rgba", "png"), ("qtrle", "argb", "mov")])
def test_transparent_pixels_are_over_black(tmp_path, codec, pixels, suffix):
    frames = np.full((1, 64, 64, 4), 200, np.uint8)
    frames[0, :, :32, 3], frames[0, :, 32:, 3] = 0, 128
    clip = load(corpus.write(tmp_path / f"t.{suffix}", frames, codec=codec, pixels=pixels), ALL)
    assert clip.frames[..., :32].max() == 0
    assert torch.allclose(clip.frames[..., 32:], torch.tensor(200 / 255 * 128 / 255), atol=2 / 255)


@pytest.mark.parametrize("codec, pixels, suffix", [("ffv1", "gray", "mkv"), ("ffv1", "gray16le", "mkv"), ("gif", "gray", "gif")])
def test_grey_video_gives_three_equal_channels(tmp_path, codec, pixels, suffix):
    clip = load(corpus.write(tmp_path / f"g.{suffix}", corpus.grey_frames(4), codec=codec, pixels=pixels), ALL)
    assert which(clip) == [0, 1, 2, 3] and torch.equal(clip.frames[:, 0], clip.frames[:, 2])


def test_the_extension_does_not_matter(plain, tmp_path):
    renamed = tmp_path / "really_an_mp4.gif"
    renamed.write_bytes(plain.read_bytes())
    assert torch.equal(load(renamed, ALL).frames, load(plain, ALL).frames)


@pytest.mark.parametrize("width, height", [(97, 65), (65, 131), (64, 640)])
def test_odd_sizes_are_cut_in_the_centre(tmp_path, width, height):
    noise = np.random.default_rng(0).integers(0, 255, (1, height, width, 3), np.uint8)
    clip = load(corpus.write(tmp_path / "odd.png", noise, codec="png", pixels="rgb24"), settings(width=0, height=0))
    rows, columns = height // 64 * 64, width // 64 * 64
    top, left = (height - rows) // 2, (width - columns) // 2
    expected = torch.from_numpy(noise[0, top : top + rows, left : left + columns]).permute(2, 0, 1) / 255
    assert torch.equal(clip.frames[0], expected)


@pytest.mark.parametrize("source", [(3, 37, 211), (3, 480, 854), (3, 64, 64), (3, 1, 900), (3, 900, 1)])
@pytest.mark.parametrize("size", [(64, 128), (192, 64)])
def test_resizing_a_flat_picture_keeps_its_colour(source, size):
    colour = torch.tensor([0.1, 0.5, 0.9])[:, None, None]
    resized = fit(colour.expand(source), size)
    assert resized.shape == (3, *size) and torch.allclose(resized, colour.expand_as(resized), atol=1e-6)


def test_a_very_large_frame_is_seen_as_its_small_copy(tmp_path):
    xs, ys = np.meshgrid(np.linspace(0, 1, 1600), np.linspace(0, 1, 1200))
    waves = np.stack([np.sin(9 * xs) * np.cos(7 * ys), np.cos(5 * xs + ys), np.sin(6 * ys - xs)], -1)
    large = ((waves + 1) * 127).astype(np.uint8)[None]
    path = corpus.write(tmp_path / "large.png", large, codec="png", pixels="rgb24")
    seen = load(path, ALL).frames[0]  # 9 times smaller on its way to RGB, then resized
    expected = fit(torch.from_numpy(large[0]).permute(2, 0, 1) / 255, (64, 64))
    assert (seen - expected).abs().max() < 3 / 255


def test_resizing_keeps_shapes_and_the_centre():
    ys, xs = torch.meshgrid(torch.arange(240.0), torch.arange(320.0), indexing="ij")
    disc = ((xs - 159.5) ** 2 + (ys - 119.5) ** 2 < 60**2).float().expand(3, -1, -1)
    small = fit(disc, (128, 128))[0]
    rows, columns = small.sum(1), small.sum(0)
    at = torch.arange(128.0)
    assert float((rows * at).sum() / rows.sum()) == pytest.approx(63.5, abs=0.05)
    assert float((columns * at).sum() / columns.sum()) == pytest.approx(63.5, abs=0.05)
    assert float(small.sum()) == pytest.approx(np.pi * 32**2, rel=0.01)  # radius 60 * 128 / 240
    assert torch.allclose(small, small.T, atol=0.02)  # still round


def test_what_is_written_is_what_is_read(tmp_path):
    ys, xs = torch.meshgrid(torch.linspace(0, 1, 64), torch.linspace(0, 1, 128), indexing="ij")
    frames = torch.stack([torch.stack([xs, ys, (xs + ys + i / 5) / 3]) for i in range(5)])
    path = tmp_path / "out.mp4"
    write_video(path, VideoClip(frames, torch.arange(5), 12.5))
    clip = load(path, settings(width=0, height=0))
    assert clip.fps == pytest.approx(12.5) and clip.frames.shape == frames.shape
    assert (clip.frames - frames).pow(2).mean().sqrt() < 0.015


@pytest.mark.parametrize("channels, kept", [(1, 1), (2, 2), (3, 1), (6, 6)])
@pytest.mark.parametrize("rate, written", [(7_000, 8_000), (44_100, 44_100), (192_000, 96_000)])
def test_a_clip_is_written_with_its_sound(tmp_path, channels: int, kept: int, rate: int, written: int):
    times = torch.arange(round(5 / 12.5 * rate)) / rate
    sound = torch.stack([0.5 / (1 + channel) * torch.sin(377.0 * times) for channel in range(channels)])[
        None
    ]  # 60 Hz: 5.1 has a low channel
    clip = VideoClip(torch.rand(5, 3, 64, 64), torch.arange(5), 12.5)
    write_video(tmp_path / "clip.mp4", clip, sound=(sound, rate))
    heard, at = read_audio(tmp_path / "clip.mp4", clip)
    assert at == written and heard.shape == (1, kept, round(0.4 * written))
    wanted = sound[0] if kept == channels else sound[0].mean(0, keepdim=True)
    loud, as_loud = ([float(one.square().mean().sqrt()) for one in values[:2]] for values in (heard[0], wanted))
    assert loud == pytest.approx(as_loud, rel=0.2)


# ------------------------------------------------------------------------------------------------------------- sound


@pytest.mark.parametrize("channels", [1, 2])
def test_sound_covers_the_time_of_the_chosen_frames(tmp_path, channels):
    ramp = np.linspace(0, 0.9, 8000, dtype=np.float32)[None].repeat(channels, 0)  # 1 s: the value is the time
    path = corpus.write(tmp_path / "s.mkv", corpus.grey_frames(30), sound=ramp)
    clip = load(path, settings(skip_first_frames=15, select_every_nth=3, frame_load_cap=3))
    waveform, rate = read_audio(path, clip)
    assert rate == 8000 and waveform.shape == (1, channels, 2400)  # 3 frames at 10 per second
    assert torch.allclose(waveform[0, 0], torch.from_numpy(ramp[0, 4000:6400]), atol=2e-3)


def test_sound_that_ends_early_goes_on_in_silence(tmp_path):
    path = corpus.write(tmp_path / "s.mkv", corpus.grey_frames(30), sound=np.full((1, 4000), 0.5, np.float32))
    waveform, _ = read_audio(path, load(path, ALL))
    assert waveform.shape == (1, 1, 8000)
    assert waveform[..., :4000].min() > 0.49 and waveform[..., 4000:].abs().max() == 0


@pytest.mark.parametrize("skip", [0, 4])
def test_sound_of_a_cut_without_re_encoding_begins_with_its_frames(tmp_path, skip):
    """An edit list hides the first 0.4 s: the packets in front of it are not frames. The value of the sound is the time."""
    ramp = (np.arange(12000, dtype=np.float32) / 8000 / 2)[None]
    stamps = [33 * i - 396 for i in range(40)]
    path = corpus.write(
        tmp_path / "cut.mp4", corpus.grey_frames(40), stamps_ms=stamps, sound=ramp, sound_codec="flac", sound_start=-0.396
    )
    clip = load(path, settings(skip_first_frames=skip))
    assert which(clip)[0] == 12 + skip
    waveform, rate = read_audio(path, clip)
    assert float(waveform[0, 0, 100]) * 2 == pytest.approx(0.396 + skip * 0.033 + 100 / rate, abs=0.01)


def test_a_variable_rate_with_sound_warns_of_its_drift_and_force_rate_mends_it(tmp_path):
    stamps = [10 * i for i in range(60)] + [600 + 90 * i for i in range(20)]
    sound = np.zeros((1, 16000), np.float32)
    path = corpus.write(tmp_path / "v.mkv", corpus.grey_frames(80), stamps_ms=stamps, sound=sound)
    with pytest.warns(VideoWarning, match=r"variable frame rate.*1\.2 s.*'force_rate'"):
        load(path, ALL)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load(path, settings(force_rate=35))


def test_no_sound_is_none(plain):
    assert read_audio(plain, load(plain, ALL)) is None


# ----------------------------------------------------------------------------------------------------- IMAGE batches


def test_an_image_batch_becomes_a_clip_without_being_changed():
    images = torch.rand(3, 64, 128, 3)
    kept = images.clone()
    clip = clip_from_frames(images, 24)
    assert torch.equal(clip.frames, images.movedim(-1, 1))
    assert clip.fps == 24.0 and clip.source_index.tolist() == [0, 1, 2]
    clip.frames.zero_()
    assert torch.equal(images, kept)


def test_grey_is_repeated_and_alpha_is_over_black():
    grey = torch.rand(2, 64, 64, 1)
    assert torch.equal(clip_from_frames(grey, 1).frames[:, 1], grey[..., 0])
    with_alpha = torch.rand(2, 64, 64, 4)
    expected = (with_alpha[..., :3] * with_alpha[..., 3:]).movedim(-1, 1)
    assert torch.equal(clip_from_frames(with_alpha, 1).frames, expected)


@pytest.mark.faults
@pytest.mark.parametrize(
    "images, fps, says",
    [
        (torch.zeros(2, 64, 64), 24, "MASK"),
        (torch.zeros(2, 64, 64, 2), 24, r"\(N, H, W, C\)"),
        (torch.zeros(2, 64, 64, 3, dtype=torch.uint8), 24, "uint8"),
        (torch.zeros(0, 64, 64, 3), 24, "N >= 1"),
        (torch.full((1, 64, 64, 3), torch.nan), 24, "NaN"),
        (torch.zeros(1, 64, 64, 3), 0, "frame rate"),
        (torch.zeros(1, 64, 64, 3), float("nan"), "frame rate"),
    ],
)
def test_a_batch_that_is_no_clip_says_why(images, fps, says):
    with pytest.raises(UserError, match=says):
        clip_from_frames(images, fps)
