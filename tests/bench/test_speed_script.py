"""The speed benchmark's functions on a tiny model: they run, and give what is documented. No time is asserted."""

from dataclasses import asdict, replace

import pytest
import torch
from bench import speed, speed_case
from bench.baseline import drag_per_frame
from bench.speed_world import FROZEN, OURS, PUBLISHED, Case
from core.tiny import tiny_model, tiny_tracks

from dragvideo_core.types import Inversion

TINY = Case("tiny", frames=2, side=64, steps=(3, 2), iterations=1, is_whole=True)


@pytest.mark.parametrize("who", [OURS, PUBLISHED, FROZEN])
def test_a_case_gives_seconds_memory_and_arithmetic(monkeypatch, who):
    monkeypatch.setitem(speed_case.MATMUL_SIDE, "cpu", 64)
    row = speed_case.measure(Case(**{**asdict(TINY), "who": who}), tiny_model())
    assert row["seconds"] == sum(row["parts"].values()) and set(row["parts"]) == {"invert", "drag", "decode"}
    assert row["peak_bytes"] >= row["held_bytes"] > 0 and row["matmul_tflops"] > 0
    if who == OURS:
        assert 0 < row["outside_denoiser"] < 1 and row["flops_per_gradient"] > 1e6


def test_only_the_published_baseline_works_out_gradients_of_weights(monkeypatch):
    monkeypatch.setattr(speed_case, "matmul_rate", lambda case: 1.0)
    for who in (PUBLISHED, FROZEN):
        model = tiny_model()
        speed_case.measure(Case(**{**asdict(TINY), "who": who, "is_whole": False}), model)
        assert any(weight.grad is not None for weight in model.denoiser.parameters()) == (who == PUBLISHED)


def test_every_iteration_is_made_by_both():
    world = speed_case.build(TINY, tiny_model())
    for who in (OURS, PUBLISHED):
        assert len(speed_case.drag_once(Case(**{**asdict(TINY), "who": who}), world, 3).losses) == 3


@pytest.mark.parametrize("who", [OURS, PUBLISHED, FROZEN])
@pytest.mark.parametrize("frames, turns, key_every", [(3, 1, 1), (3, 1, 2), (4, 1, 2), (4, 1, 9), (3, 2, 1), (5, 2, 2), (1, 2, 1)])
def test_the_evaluations_that_are_counted_are_those_that_are_made(who, frames, turns, key_every):
    case = replace(TINY, who=who, frames=frames, turns=turns, key_every=key_every, iterations=3, is_whole=False)
    model, made = tiny_model(), []
    world = speed_case.build(case, model)

    def count(module, inputs) -> None:
        made.append(len(inputs[0]) * inputs[0].requires_grad)

    model.denoiser.register_forward_pre_hook(count)
    speed_case.drag_once(case, world, 0)
    assert sum(made) == 0
    speed_case.drag_once(case, world, 3)
    assert sum(made) == speed_case.evaluations(case) > 0


def test_figures_per_gradient_are_of_key_frames_alone(monkeypatch):
    monkeypatch.setattr(speed_case, "matmul_rate", lambda case: 1.0)
    rows = [speed_case.measure(replace(TINY, frames=3, turns=1, key_every=every, is_whole=False), tiny_model()) for every in (1, 3)]
    for row, made in zip(rows, (6, 2), strict=True):  # frames that are optimised x steps
        assert row["seconds_per_iteration"] / row["seconds_per_gradient"] == pytest.approx(made)
        assert row["tflops"] * row["seconds_per_gradient"] * 1e12 == pytest.approx(row["flops_per_gradient"])
        assert 0 < row["outside_denoiser"] < 1
    assert rows[0]["flops_per_gradient"] == rows[1]["flops_per_gradient"]  # of one frame, which is a key frame in both


def test_the_clock_sees_forward_and_backward_and_leaves_no_hook():
    model, latents = tiny_model(), torch.randn(1, 4, 16, 16, requires_grad=True)
    clock = speed_case.Clock(model.denoiser, "cpu")
    from dragvideo_core.diffusion.denoiser import features_without_output

    features = features_without_output(model, latents, 41)
    assert len(clock._spans) == 1
    torch.autograd.grad(features.sum(), latents)
    assert len(clock._spans) == 2 and clock.seconds() > 0
    assert not model.denoiser._forward_hooks and not model.denoiser._forward_pre_hooks


def test_the_baseline_moves_what_it_drags_and_stops_where_it_is():
    """One point a set. The mask loss holds what is outside the mask, weakly; the inside moves more."""
    model, tracks = tiny_model(), tiny_tracks(2)
    single = {name: getattr(tracks, name)[:, :, 4:5] for name in ("handles", "targets", "is_foreground", "visible")}
    tracks = type(tracks)(**{**{name: getattr(tracks, name) for name in tracks.__dataclass_fields__}, **single})
    latents = torch.randn(4, 2, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    inversion = Inversion(latents, torch.tensor([0, 1, 21, 41]))
    edit = drag_per_frame(inversion, tracks, model, 3, step=3)
    assert edit.handle_path.shape == (4, 2, 2, 1, 2) and edit.losses.shape == (3, 2)
    assert set(edit.offsets) == {3} and edit.offsets[3].shape == (2, 4, 16, 16) and edit.offsets[3].abs().max() > 0
    there = type(tracks)(**{**tracks.__dict__, "targets": tracks.handles})
    still = drag_per_frame(inversion, there, model, 3, step=3)
    assert len(still.losses) == 0 and still.arrived.all() and not still.offsets[3].any()


def fake(case: Case) -> dict:
    """A machine on which an optimised frame takes 1 s, and a frame 1 byte; published takes 4 times as long, frozen twice."""
    assert case.who == OURS or case.key_every == case.turns == case.stride == 1
    seconds = case.frames / case.key_every / case.turns * {OURS: 1.0, PUBLISHED: 4.0, FROZEN: 2.0}[case.who]
    return {
        **asdict(case),
        "seconds": seconds,
        "parts": {"drag": seconds},
        "seconds_per_gradient": seconds,
        "peak_bytes": 100 + case.frames,
        "held_bytes": 100,
        "outside_denoiser": 0.01 * case.key_every,
        "tflops": 0.1,
        "matmul_tflops": 0.2,
    }


@pytest.mark.parametrize("on_gpu", [False, True])
def test_the_json_has_what_the_readme_says(monkeypatch, on_gpu):
    monkeypatch.setattr(speed, "device_name", lambda on_gpu: "a machine")
    result = speed.bench(on_gpu, fake, say=lambda text: None)
    assert {"device", "cases", "memory_64_over_8", "outside_denoiser", "linearity"} <= set(result)
    first = result["cases"][0]
    assert {"name", "frames", "size", "seconds", "baseline_seconds", "ratio", "peak_bytes"} <= set(first)
    assert first["ratio"] == 8 and first["frozen_ratio"] == 4
    assert result["memory_64_over_8"] == 164 / 108 and result["memory_64_over_8_beside_the_model"] == 8
    assert result["linearity"]["seconds_per_frame"] == pytest.approx(0.5) and result["linearity"]["deviation"] < 1e-6
    assert result["outside_denoiser"] == 0.01  # where every frame is optimised
    in_full = [row for row in result["cases"] if row["turns"] == row["stride"] == 1]
    assert in_full and all(row["ratio"] == pytest.approx(4) for row in in_full)
    lines = speed.table(result).split("\n")
    assert len({len(line) for line in lines[: len(result["cases"]) + 1]}) == 1  # the columns stand below one another


@pytest.mark.parametrize("on_gpu", [False, True])
def test_no_case_runs_twice(monkeypatch, on_gpu):
    ran = []
    monkeypatch.setattr(speed, "device_name", lambda on_gpu: "a machine")
    speed.bench(on_gpu, lambda case: ran.append(replace(case, name="")) or fake(case), say=lambda text: None)
    assert len(ran) == len(set(ran)) and any(case.turns > 1 for case in ran)
