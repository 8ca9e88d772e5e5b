"""How often an iteration makes the CPU and a GPU wait for one another."""

from dataclasses import replace

import pytest
from core.tiny import tiny_model, tiny_tracks
from pretend_device import on_device, pretend_device

from dragvideo_core.stages.drag import drag

from .small_drag import SETTINGS, small_inversion


@pytest.mark.parametrize("chunk", [1, 4])
def test_an_iteration_waits_twice_however_many_steps_and_chunks_there_are(chunk):
    """Once before the update, to see whether all are numbers, and once after it, for the handles and losses. It was 72."""
    model, counts = tiny_model(), []
    inversion = small_inversion(model, frames=4)
    settings = replace(SETTINGS, iterations=3, reach=1.0, chunk=chunk)
    with pretend_device() as crossings:

        def on_progress(done, total, picture):
            if picture is not None:
                counts.append((crossings.copies, crossings.syncs))

        drag(inversion, tiny_tracks(4), on_device(model), settings, on_progress)
    (copies, syncs), (copies_after, syncs_after) = counts[-2:]
    assert len(counts) == 3 and (copies_after - copies, syncs_after - syncs) == (1, 2), crossings.places
