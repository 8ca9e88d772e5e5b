"""The settings of the whole."""

from dataclasses import asdict, replace

import pytest
import torch
from core.tiny import rows_of, tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.pipeline import Settings, edit_with_model
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.displace import displace
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.stages.tune import TuneSettings


def test_the_papers_settings_are_the_papers():
    paper = Settings.paper()
    assert (paper.load.width, paper.load.height, paper.load.select_every_nth) == (512, 512, 3)  # Sec. 4.2
    assert (paper.propagate.tracker, paper.propagate.set_side, paper.propagate.fit_mask) == ("dift", 3, False)  # 3.2, 4.4
    assert paper.tune.passes > 0 and paper.tune.rank == 16  # 4.1: a LoRA, DragDiffusion's
    assert (paper.invert.until, paper.invert.stride) == (42, 1)
    drag = paper.drag
    assert drag.steps == (42, 41, 35, 30) and drag.learning_rate == 0.01 and drag.max_move == 3.0 and drag.iterations == 60  # 4.1
    assert drag.chained and drag.moving_average  # 3.3, footnote 2
    assert paper.decode.cross_branch == "same_frame" and paper.decode.stride == 1 and not paper.decode.smoothing


def test_the_papers_settings_have_nothing_of_ours():
    paper = Settings.paper()
    assert paper.displace is None and not paper.drag.lock and not paper.drag.warm_start and paper.drag.reach == 0
    assert (paper.drag.turns, paper.drag.key_every) == (1, 1) and not paper.decode.lock


def test_with_the_papers_settings_eq_5_is_a_plain_sum():
    """Sec. 3.3: the loss is the sum of both. So the gradient outside the mask, where Eq. 4 hardly reaches, is Eq. 5's sign."""
    from core.dragging.small_drag import small_drag

    from dragvideo_core.dragging import passes

    small = small_drag(Settings.paper().drag, inversion=invert(tiny_clip(2), tiny_model()))
    offsets = {step: torch.full_like(z_t, 0.01) for step, z_t in small.plan.latents.items()}
    none = passes.Points(small.state.handles, small.state.templates.mean, torch.zeros_like(small.plan.visible))
    of_step, _ = passes.supervise_chunk(small.plan, small.measured.residuals, slice(0, 2), offsets, none)
    wanted = (1 - small.plan.cell_mask).expand_as(offsets[42])
    torch.testing.assert_close(of_step[42].gradient, wanted)


@pytest.mark.parametrize("left", ["nothing", "fill", "stretched"])
def test_no_more_is_asked_of_the_model_than_the_frames_show_and_they_are_the_same(left):
    """All stages one after the other, and the pipeline's short way: a clip whose displacement leaves this to the model."""
    layer = torch.zeros(3, 1, 64, 64)
    layer[:, :, 12:52, 8:24] = 1
    clip, tracks, model = tiny_clip(3), replace(tiny_tracks(), layer=layer), tiny_model()
    displaced = displace(clip, tracks)
    assert bool((displaced.freed & ~displaced.shown_elsewhere).flatten(1).any(1).all())
    if left == "nothing":
        displaced = replace(displaced, shown_elsewhere=displaced.freed)
    displaced = replace(displaced, stretch=torch.full_like(displaced.stretch, 9.0 if left == "stretched" else 1.0))
    settings = Settings(
        tune=TuneSettings(passes=0), invert=InvertSettings(until=16), drag=DragSettings(steps=(16, 14)), decode=DecodeSettings()
    )
    made = []

    def in_full():
        inversion = invert(clip, model, settings.invert)
        edit = drag(inversion, tracks, model, settings.drag, displaced=displaced)
        made.append(decode(clip, inversion, edit, tracks, model, settings.decode, displaced=displaced)[0].frames)

    full, short = (
        rows_of(model.denoiser, work)
        for work in (in_full, lambda: made.append(edit_with_model(clip, tracks, model, displaced, settings).frames))
    )
    assert torch.equal(*made)
    assert short == {"nothing": 0, "fill": full - 3 * 3, "stretched": full}[left]  # 10 steps are inverted, not 16


@pytest.mark.parametrize("stage", ["load", "propagate", "displace", "tune", "invert", "drag", "decode", "evaluate"])
def test_the_defaults_are_the_stages_own(stage):
    own = getattr(Settings(), stage)
    assert asdict(own) == asdict(type(own)())


def test_a_drag_with_the_papers_settings_runs():
    model = tiny_model()
    paper = Settings.paper().drag
    edit = drag(invert(tiny_clip(2), model), tiny_tracks(2), model, replace(paper, iterations=1))
    assert len(edit.losses) == 1 and set(edit.offsets) == {42, 41, 35, 30}
