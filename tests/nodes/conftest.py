"""One ComfyUI for all tests of the nodes, and an embedded model whose weights are not the point."""

from __future__ import annotations

import pytest
import torch
from host import source

from . import graphs
from .executor import Comfy, Outcome, the_comfy


@pytest.fixture(scope="session")
def comfy(tmp_path_factory) -> Comfy:
    try:
        comfyui = source.get()
    except source.NoComfyUI as fault:
        pytest.skip(str(fault))
    return the_comfy(comfyui, tmp_path_factory.mktemp("comfyui"))


@pytest.fixture(scope="session")
def random_weights(comfy: Comfy):
    """The Embedded Model node gives an untrained model."""
    embedded = comfy.module("dragvideo_core.embedded.model")

    def load():
        torch.manual_seed(0)
        return embedded.EmbeddedModel().eval().requires_grad_(False)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "load", load)
        yield


@pytest.fixture(scope="session")
def edit(comfy: Comfy, random_weights) -> Outcome:
    """One run of the whole pipeline, of which nothing is known from another test."""
    comfy.executor.reset()
    outcome = comfy.run(graphs.whole_edit(comfy, frames=3))
    assert outcome.status == "success", outcome.error
    return outcome
