"""The settings of the whole."""

from dataclasses import asdict

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks

from dragvideo_core.pipeline import Settings
from dragvideo_core.stages.drag import drag
from dragvideo_core.stages.invert import invert


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


@pytest.mark.parametrize("stage", ["load", "propagate", "displace", "tune", "invert", "drag", "decode", "evaluate"])
def test_the_defaults_are_the_stages_own(stage):
    own = getattr(Settings(), stage)
    assert asdict(own) == asdict(type(own)())


def test_a_drag_with_the_papers_settings_runs():
    model = tiny_model()
    paper = Settings.paper().drag
    from dataclasses import replace

    edit = drag(invert(tiny_clip(2), model), tiny_tracks(2), model, replace(paper, iterations=1))
    assert len(edit.losses) == 1 and set(edit.offsets) == {42, 41, 35, 30}
