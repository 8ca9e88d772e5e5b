from core.tiny import rows_of, tiny_model

from dragvideo_core.diffusion.pace import WARM, seconds_per_frame


def test_one_frame_is_timed_and_the_first_call_does_not_count():
    model, took = tiny_model(), []
    rows = rows_of(model.denoiser, lambda: took.append(seconds_per_frame(model, (16, 24))))
    assert rows == 2 and 0 < took[0] < WARM
    assert all(parameter.grad is None for parameter in model.denoiser.parameters())
