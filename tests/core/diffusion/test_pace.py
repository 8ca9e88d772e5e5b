import pytest
from core.tiny import tiny_model

from dragvideo_core.diffusion import pace as pace_module
from dragvideo_core.diffusion.pace import MOST, pace


def timed_for(monkeypatch, seconds: float, frames: int) -> list[tuple[int, bool]]:
    """What is timed where a call takes `seconds` by the clock: frames at a time, and whether with gradients."""
    asked, clock = [], iter(range(1000))
    monkeypatch.setattr(pace_module.time, "perf_counter", lambda: seconds * next(clock))
    honest = pace_module._seconds

    def seconds_of(look, model, cells, count, has_gradients=True):
        asked.append((count, has_gradients))
        return honest(look, model, cells, count, has_gradients)

    monkeypatch.setattr(pace_module, "_seconds", seconds_of)
    model = tiny_model()
    took = pace(model, (16, 24), frames)
    count = asked[-1][0]
    assert (took.output, took.features, took.forward) == pytest.approx((seconds / count,) * 3)
    assert all(parameter.grad is None for parameter in model.denoiser.parameters())
    return asked


def test_frames_are_timed_together_as_a_stage_takes_them_and_the_first_calls_do_not_count(monkeypatch):
    """One at a time takes half as long again, on a CPU."""
    assert timed_for(monkeypatch, 0.1, 3) == [(1, True), (3, True), (3, True), (3, True), (3, False)]


def test_no_more_than_a_few_are_timed_together(monkeypatch):
    assert timed_for(monkeypatch, 0.1, 100)[-1] == (MOST, False)


def test_a_slow_model_is_timed_by_one_frame_alone(monkeypatch):
    assert timed_for(monkeypatch, 10.0, 100) == [(1, True), (1, True), (1, False)]


def test_what_a_frame_takes_falls_with_what_is_asked_of_it():
    model = tiny_model()
    tries = [pace(model, (16, 24), 2) for _ in range(9)]  # the quickest of them: a busy machine slows single ones down
    output, features, forward = (min(getattr(took, name) for took in tries) for name in ("output", "features", "forward"))
    assert 0 < forward < output and features > 0
