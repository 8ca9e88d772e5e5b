"""Carried over to other pictures, the autoencoder knows them better, and the latents of drawings stay where they were."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from dragvideo_core.embedded import adapt as adapting
from dragvideo_core.embedded.adapt import adapt
from dragvideo_core.embedded.demo_clip import demo_clip
from dragvideo_core.embedded.model import PatchAutoencoder, load

DRAWN, FILMED, STEPS = 6, 12, 40


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    """Parts of drawings, then rough textures, 32 x 32."""
    drawings = demo_clip("flower", 101, DRAWN).clip.frames[..., 48:80, 48:80]
    rough = (
        torch.rand(FILMED, 3, 16, 16, generator=torch.Generator().manual_seed(0)).repeat_interleave(2, -1).repeat_interleave(2, -2)
    )
    return (torch.cat([drawings, rough]) * 255).round().byte().permute(0, 2, 3, 1).numpy()


@pytest.fixture(scope="module")
def adapted(pictures: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> PatchAutoencoder:
    return taught(pictures, tmp_path_factory.mktemp("work"))


def taught(pictures: np.ndarray, folder: Path) -> PatchAutoencoder:
    torch.manual_seed(0)
    vae = load().vae
    adapt(vae, pictures, DRAWN, STEPS, folder / "adapted.pt")
    return vae


def frames_of(pictures: np.ndarray) -> Tensor:
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255


def test_new_pictures_come_back_better_and_drawings_keep_their_latents(adapted: PatchAutoencoder, pictures: np.ndarray):
    shipped, frames = load().vae, frames_of(pictures)
    before, after = ((vae.decode(vae.encode(frames[DRAWN:])) - frames[DRAWN:]).square().mean() for vae in (shipped, adapted))
    assert after < 0.9 * before
    assert torch.equal(adapted.latent_std, shipped.latent_std) and torch.equal(adapted.latent_mean, shipped.latent_mean)


def test_the_more_the_latents_of_drawings_are_held_the_less_they_move(
    adapted: PatchAutoencoder, pictures: np.ndarray, monkeypatch, tmp_path
):
    drawings, shipped = frames_of(pictures)[:DRAWN], load().vae
    monkeypatch.setattr(adapting, "HOLD", 100 * adapting.HOLD)
    loosely, firmly = (
        (vae.encode(drawings) - shipped.encode(drawings)).square().mean() for vae in (adapted, taught(pictures, tmp_path))
    )
    assert firmly < 0.5 * loosely


def test_it_goes_on_where_it_was(adapted: PatchAutoencoder, pictures: np.ndarray, tmp_path):
    """All of it is in the file: with no step left it is the same autoencoder, and nothing is trained."""
    torch.manual_seed(0)
    once, again = load().vae, load().vae
    adapt(once, pictures, DRAWN, 2, tmp_path / "adapted.pt")
    held = copy.deepcopy(once.state_dict())
    adapt(again, pictures, DRAWN, 2, tmp_path / "adapted.pt")
    assert all(torch.equal(value, held[name]) for name, value in again.state_dict().items())
