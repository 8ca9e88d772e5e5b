"""The training script on a few pictures: what comes of it is a model that loads, and work that is done is not done again."""

import sys

import cv2
import numpy as np
import torch

from dragvideo_core.embedded import train
from dragvideo_core.embedded.model import load


def test_the_denoiser_alone_learns_photographs_and_holes(tmp_path, monkeypatch):
    photographs, work, out = tmp_path / "photographs", tmp_path / "work", tmp_path / "new.safetensors"
    photographs.mkdir()
    cv2.imwrite(str(photographs / "one.jpg"), np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8))
    monkeypatch.setattr(train, "BATCH", 4)
    given = ["--work", work, "--photographs", photographs, "--pictures", "20", "--tune-steps", "1", "--out", out]
    monkeypatch.setattr(sys, "argv", ["train", *map(str, given)])
    train.main()
    before, after = load().state_dict(), load(out).state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("vae."))
    assert any(not torch.equal(before[name], after[name]) for name in before if name.startswith("denoiser."))
    holes, fills, pictures = (np.load(work / f"{name}.npy") for name in ("holes", "fills", "pictures"))
    assert fills.shape == (10, 128, 128, 3) and holes.any((1, 2)).sum() >= 4
    np.testing.assert_array_equal(fills[~np.concatenate([holes] * 2)], pictures[:10][~np.concatenate([holes] * 2)])
    written = {path: path.stat().st_mtime_ns for path in work.iterdir()}
    train.main()
    assert written == {path: path.stat().st_mtime_ns for path in work.iterdir()}
