"""Finished windows beside the film: kept only where that is asked for, gone when the film is whole; a full disk is said."""

import os
from pathlib import Path

import pytest
import torch

from dragvideo_core.files import kept_windows
from dragvideo_core.files.kept_windows import MOST_AGE, KeptWindows
from dragvideo_core.types import UserError
from dragvideo_core.warning import warnings_go_to

STATE = {"one": torch.arange(3)}


def test_windows_stay_where_they_are_kept_and_go_when_the_film_is_whole(tmp_path: Path):
    kept = KeptWindows(tmp_path / "film.mp4", "abc", keep=True)
    kept.write("after-0", STATE)
    kept.broken_off()
    again = KeptWindows(tmp_path / "other.mp4", "abc", keep=True)
    assert torch.equal(again.read("after-0")["one"], STATE["one"]) and again.read("after-1") is None
    again.finished()
    assert list(tmp_path.iterdir()) == []


def test_windows_that_are_not_kept_are_read_back_by_their_own_work_alone(tmp_path: Path):
    kept = KeptWindows(tmp_path / "film.mp4", "abc", keep=False)
    kept.write("before-1", STATE, is_needed=True)
    assert kept.read("before-1") is None and torch.equal(kept.read_back("before-1")["one"], STATE["one"])
    kept.broken_off()
    assert list(tmp_path.iterdir()) == []


def test_folders_of_other_work_go_when_they_are_old(tmp_path: Path):
    for name, age in (("old", 2 * MOST_AGE), ("young", 0)):
        KeptWindows(tmp_path / "film.mp4", name, keep=True).write("after-0", STATE)
        folder = tmp_path / f".{name}.unfinished"
        os.utime(folder, (folder.stat().st_atime, folder.stat().st_mtime - age))
    KeptWindows(tmp_path / "film.mp4", "new", keep=True)
    assert [path.name for path in tmp_path.iterdir()] == [".young.unfinished"]


def test_a_full_disk_is_one_warning_or_an_error_where_the_window_is_needed(tmp_path: Path, monkeypatch):
    def no_room(path: Path, state: dict) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(kept_windows, "write", no_room)
    kept, texts = KeptWindows(tmp_path / "film.mp4", "abc", keep=True), []
    with warnings_go_to(texts.append):
        kept.write("after-0", STATE)
        kept.write("after-1", STATE)
    assert len(texts) == 1 and "No space left" in texts[0]
    with pytest.raises(UserError, match="needed"):
        kept.write("before-1", STATE, is_needed=True)
