"""HLG and PQ to BT.709: white is white, grey stays grey, and the curves are those of the recommendations."""

from __future__ import annotations

import numpy as np
import pytest
from core import video_corpus as corpus
from core.video_corpus import ALL

from dragvideo_core.media import hdr
from dragvideo_core.media.colour import HLG, PQ
from dragvideo_core.media.film import open_film
from dragvideo_core.media.film_writer import FilmWriter
from dragvideo_core.stages.load import load

WHITES = {HLG: 0.75, PQ: 0.5807}  # signals of diffuse white, 203 cd/m2 (BT.2408)


def greys(transfer: int, signals: np.ndarray) -> np.ndarray:
    rgb = np.rint(signals * 65535).astype(np.uint16)[None, :, None].repeat(3, 2)
    return hdr.to_sdr(rgb, transfer)[0] / 65535


def test_pq_is_that_of_bt_2100():
    assert hdr.pq_light(np.array([0.0, 0.5081, 0.5807, 0.7518, 1.0])) == pytest.approx([0, 100, 203, 1000, 10_000], rel=2e-3)
    light = np.array([0.01, 1.0, 100.0, 4000.0])
    assert hdr.pq_light(hdr.pq_signal(light)) == pytest.approx(light)


def test_hlg_is_that_of_bt_2100():
    assert hdr.hlg_scene(np.array([0.0, 0.5, 1.0])) == pytest.approx([0.0, 1 / 12, 1.0], abs=1e-6)


def test_the_tone_curve_leaves_the_dark_and_ends_at_white():
    dark = np.array([0.0, 1.0, 20.0, 80.0])
    assert hdr.tone_curve(dark) == pytest.approx(dark, rel=1e-6)
    light = hdr.tone_curve(np.linspace(0, 1200, 500))
    assert (np.diff(light) >= -1e-9).all() and light[-1] == pytest.approx(hdr.WHITE, rel=1e-3)


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_white_is_white_and_grey_is_grey(transfer):
    shown = greys(transfer, np.linspace(0, 1, 200))
    assert np.abs(shown - shown[:, :1]).max() < 2e-3 and (np.diff(shown[:, 0]) >= 0).all()
    assert greys(transfer, np.array([WHITES[transfer]]))[0, 0] > 0.88
    assert shown[0].max() == 0 and shown[-1].min() > 0.99
    assert float(greys(transfer, np.array([0.0, 0.3]))[1, 0]) > 0.05  # shadows are not crushed


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_pure_colours_keep_their_hue(transfer):
    level = round(WHITES[transfer] * 65535)
    rgb = np.array([[[level, 0, 0], [0, level, 0], [0, 0, level]]], np.uint16)
    assert hdr.to_sdr(rgb, transfer)[0].argmax(-1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("transfer", [HLG, PQ])
def test_hdr_films_load_bright_and_are_written_as_sdr_or_as_they_are(tmp_path, transfer):
    level = round(WHITES[transfer] * 255)
    frames = np.full((3, 64, 96, 3), level, np.uint8)
    path = corpus.write(tmp_path / "h.mkv", frames, codec="ffv1", pixels="yuv420p10le", tags=(9, 1, 9, transfer))
    assert float(load(path, ALL).frames.mean()) > 0.88
    film = open_film(path)
    assert film.is_toned and next(film.frames()).rgb.mean() > 0.88 * 65535
    for kept in (False, True):
        source = open_film(path, keep_hdr=kept)
        with FilmWriter(tmp_path / f"{kept}.mp4", like=source, codec="hevc", quality=0) as writer:
            for frame in source.frames():
                writer.write(frame)
        copy = open_film(tmp_path / f"{kept}.mp4", keep_hdr=True)
        tags = copy.colours
        assert (tags.matrix, tags.primaries, tags.transfer) == ((9, 9, transfer) if kept else (1, 1, 1)) and copy.bits == 10
        seen = next(copy.frames()).rgb.mean() / 65535
        assert seen == pytest.approx(level / 255, abs=0.01) if kept else seen > 0.88
