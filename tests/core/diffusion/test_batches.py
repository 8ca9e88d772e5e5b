"""Work in chunks: every frame once, in order, in smaller pieces where memory runs out."""

import pytest
import torch
from core.tiny import tiny_clip, tiny_model

from dragvideo_core.diffusion import batches
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError

FRAMES = 3


def test_the_codec_may_run_out_too():
    model, most = tiny_model(), 1

    def refuse(pictures):
        if len(pictures) > most:
            raise MemoryError
        return real(pictures)

    real, model.vae.encode = model.vae.encode, refuse
    latents = invert(tiny_clip(FRAMES), model, InvertSettings(until=1, chunk=FRAMES)).latents
    assert torch.equal(latents[0], real(tiny_clip(FRAMES).frames))


def test_other_errors_are_not_taken_for_too_little_memory():
    chunks = batches.Chunks(tiny_model(), 256, 4, 2)

    def work(part):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        list(chunks.map(work))


def test_a_chosen_chunk_is_kept_and_a_negative_one_refused():
    assert batches.Chunks(tiny_model(), 256, 10, 7).size == 7
    with pytest.raises(UserError, match="chunk"):
        batches.Chunks(tiny_model(), 256, 10, -1)


@pytest.mark.parametrize("fails_above, wanted", [(9, [(0, 4), (4, 7)]), (2, [(0, 2), (2, 4), (4, 6), (6, 7)])])
def test_every_frame_is_worked_on_once_and_in_order(fails_above, wanted):
    def work(part):
        if part.stop - part.start > fails_above:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return part.start, part.stop

    assert [result for _, result in batches.Chunks(tiny_model(), 256, 7, 4).map(work)] == wanted


def test_work_on_fewer_frames_than_there_are():
    assert [part for part, _ in batches.Chunks(tiny_model(), 256, 7, 4).map(lambda part: None, 5)] == [slice(0, 4), slice(4, 5)]


def test_half_of_what_was_tried_comes_next():
    """Where there are fewer frames than fit, as in a rank's share of a batch, half of what would fit is no fewer."""
    tries = []

    def work(part):
        tries.append(part.stop - part.start)
        if tries == [2]:
            raise torch.OutOfMemoryError("CUDA out of memory")

    list(batches.Chunks(tiny_model(), 256, 8, 4).map(work, 2))
    assert tries == [2, 1, 1]
