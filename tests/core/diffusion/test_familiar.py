"""The embedded model says so where it does not know what it is shown."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from core.tiny import tiny_model
from PIL import Image

from dragvideo_core.diffusion.familiar import noise_error, warn_if_strange
from dragvideo_core.embedded import MOST_NOISE_ERROR, drag_model
from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.embedded.drawn_world import KINDS
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import VideoClip
from dragvideo_core.warning import warnings_go_to

FILMS = Path(__file__).resolve().parents[4] / "shared" / "assets" / "clips" / "davis_tap"


@pytest.fixture(scope="module")
def model():
    return drag_model()


def said(act) -> list[str]:
    texts: list[str] = []
    with warnings_go_to(texts.append):
        act()
    return texts


@pytest.mark.parametrize("kind", KINDS)
def test_drawings_are_known(model, kind):
    for seed in (2001, 2002, 2003):
        assert noise_error(model, demo_clip(kind, seed, 1, occluded=seed == 2002).clip.frames[0]) < 0.6 * MOST_NOISE_ERROR


@pytest.mark.parametrize("name", ["noise", "gratings"])
def test_other_pictures_are_not(model, name):
    rows = torch.linspace(0, 60, 128)
    pictures = {
        "noise": torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0)),
        "gratings": (0.5 + 0.5 * torch.sin(rows[:, None] + 0.7 * rows)).expand(3, -1, -1),
    }
    assert noise_error(model, pictures[name]) > MOST_NOISE_ERROR
    (text,) = said(lambda: warn_if_strange(model, pictures[name]))
    assert "does not know" in text and "Displace" in text


@pytest.mark.skipif(not FILMS.is_dir(), reason="the shared films are not here")
def test_filmed_frames_are_not(model):
    for path in sorted(FILMS.glob("*/frames/00000.jpg")):
        with Image.open(path) as picture:
            small = picture.convert("RGB").resize((128, 128))
        frame = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8).view(128, 128, 3).permute(2, 0, 1) / 255
        assert noise_error(model, frame) > 1.5 * MOST_NOISE_ERROR, path


def test_long_stages_say_it_before_they_work(model):
    clip = VideoClip(torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(1)), torch.arange(1), 8.0)

    class Enough(Exception):
        pass

    def stop(done, total, picture):
        raise Enough

    def until_work(stage):
        def act():
            with pytest.raises(Enough):
                stage()

        return act

    for stage in (
        lambda: tune(clip, model, TuneSettings(passes=1), stop),
        lambda: invert(clip, model, InvertSettings(until=2), stop),
    ):
        assert any("does not know" in text for text in said(until_work(stage)))


def test_a_model_that_does_not_say_what_it_knows_is_not_asked():
    tiny = replace(tiny_model(), denoiser=torch.nn.Module())  # to ask it would be an error
    assert said(lambda: warn_if_strange(tiny, torch.rand(3, 64, 64))) == []
