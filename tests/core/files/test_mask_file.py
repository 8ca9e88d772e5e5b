"""Masks come back from their files as they were, and what is no mask is refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from dragvideo_core.files import mask_file
from dragvideo_core.files.mask_file import read_mask, write_mask
from dragvideo_core.types import UserError


def test_masks_come_back_bit_for_bit(tmp_path: Path):
    masks = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    write_mask(tmp_path / "masks.safetensors", masks)
    assert torch.equal(read_mask(tmp_path / "masks.safetensors"), masks)


@pytest.mark.parametrize("mode, white", [("L", 255), ("I;16", 65535), ("RGB", (255, 255, 255)), ("1", 1), ("RGBA", (255,) * 4)])
def test_a_picture_of_any_kind_is_white_where_it_is_white(tmp_path: Path, mode: str, white):
    picture = Image.new(mode, (4, 3))
    picture.putpixel((1, 2), white)
    picture.save(tmp_path / "mask.png")
    mask = read_mask(tmp_path / "mask.png")
    wanted = torch.zeros(1, 3, 4)
    wanted[0, 2, 1] = 1
    assert torch.equal(mask, wanted)


def test_grey_is_between(tmp_path: Path):
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png")[0, 0].tolist() == pytest.approx([0.0, 0.2, 1.0])


@pytest.mark.faults
@pytest.mark.parametrize(
    "tensors",
    [
        {"other": torch.zeros(1, 2, 2)},
        {"mask": torch.zeros(2, 2)},
        {"mask": torch.zeros(0, 2, 2)},
        {"mask": torch.zeros(1, 2, 2, dtype=torch.int64)},
        {"mask": torch.full((1, 2, 2), float("nan"))},
        {"mask": torch.full((1, 2, 2), 2.0)},
    ],
    ids=["another name", "two sides", "none", "whole numbers", "NaN", "beyond one"],
)
def test_tensors_that_are_no_masks_are_refused(tmp_path: Path, tensors: dict):
    save_file(tensors, str(tmp_path / "mask.safetensors"))
    with pytest.raises(UserError, match="'mask.safetensors' is no mask"):
        read_mask(tmp_path / "mask.safetensors")


@pytest.mark.faults
@pytest.mark.parametrize("name", ["mask.png", "mask.safetensors", "mask.txt"])
def test_files_that_cannot_be_read_are_refused(tmp_path: Path, name: str):
    with pytest.raises(UserError, match="no mask"):
        read_mask(tmp_path / name)
    (tmp_path / name).write_bytes(b"GIF89a nothing of the kind")
    with pytest.raises(UserError, match="no mask"):
        read_mask(tmp_path / name)


@pytest.mark.faults
def test_too_large_a_mask_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mask_file, "MOST_PIXELS", 11)
    write_mask(tmp_path / "mask.safetensors", torch.zeros(1, 3, 4))
    Image.new("L", (4, 3)).save(tmp_path / "mask.png")
    for name in ("mask.safetensors", "mask.png"):
        with pytest.raises(UserError, match="no mask"):
            read_mask(tmp_path / name)
