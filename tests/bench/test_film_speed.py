"""The film of the speed benchmark: what is measured is an edit of its disc."""

from pathlib import Path

import numpy as np
from bench import film_speed

from dragvideo_core.media.film import open_film


def test_the_discs_upper_part_is_moved_and_both_ratios_are_there(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(film_speed, "SIZE", (270, 480))
    monkeypatch.setattr(film_speed, "RADIUS", 42)
    found = film_speed.speed(tmp_path, 0.2)
    assert found["frames"] == 5 and found["speed_ratio"] > 0 and found["cpu_ratio"] > 0
    before, after = ([frame.rgb for frame in open_film(tmp_path / name).frames()] for name in ("film.mp4", "edited.mp4"))
    assert len(before) == len(after) == 5
    change = np.abs(before[0].astype(int) - after[0]).max(-1)
    x, y = (round(at) for at in film_speed.place(0))
    assert change[y - 46 : y - 10, x - 20 : x + 20].mean() > 8  # where the upper part was and is
    assert change[y + 80 :].mean() < 3  # what the codec loses


def test_a_longer_film_shows_the_same_back_and_forth(tmp_path: Path, monkeypatch):
    assert [film_speed._back_and_forth(number, 3) for number in range(8)] == [0, 1, 2, 2, 1, 0, 0, 1]
    monkeypatch.setattr(film_speed, "SIZE", (270, 480))
    monkeypatch.setattr(film_speed, "RADIUS", 42)
    monkeypatch.setattr(film_speed, "SECONDS", 0.2)
    film = open_film(film_speed.write_film(tmp_path / "long.mp4", 0.6))
    pictures = [frame.rgb for frame in film.frames()]
    assert len(pictures) == 20 and [round(float(at - film.times[0]) * film_speed.RATE) for at in film.times] == list(range(20))
    for number, picture in enumerate(pictures):
        same = [np.array_equal(picture, other) for other in pictures[:10]]
        assert same.index(True) == number % 10
