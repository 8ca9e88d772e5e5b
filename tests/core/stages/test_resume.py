"""Laws of broken-off work: it ends bit for bit as if it had not been, and nothing that goes wrong there stops it."""

import os
import resource
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from core.dragging.small_drag import small_drag
from core.tiny import tiny_clip, tiny_model, tiny_tracks
from safetensors.torch import save_file

from dragvideo_core.diffusion.attention import text_once
from dragvideo_core.dragging import iteration, passes
from dragvideo_core.files import unfinished as unfinished_work
from dragvideo_core.files.unfinished import Unfinished
from dragvideo_core.stages.drag import DragSettings, drag
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import UserError

ROOT = Path(__file__).resolve().parents[3]
INVERT = InvertSettings(until=4, stride=1)
SETTINGS = DragSettings(steps=(4, 2), iterations=3, learning_rate=0.05, turns=1, chunk=2)
MEASURED = 4  # reports of progress before the first iteration: at the warm start, then one, and one per chunk

pytestmark = pytest.mark.faults


class Cancelled(BaseException):
    """As ComfyUI's is: no `Exception`."""


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def inversion(model):
    return invert(tiny_clip(3), model, INVERT)


@pytest.fixture(scope="module")
def whole(inversion, model):
    return drag(inversion, tiny_tracks(), model, SETTINGS)


def cancel_at(done: int, calls: list | None = None, with_picture: bool = True):
    def on_progress(now, total, picture):
        if calls is not None:
            calls.append(now)
        if now == done and (picture is not None or not with_picture):
            raise Cancelled

    return on_progress


def same(one, two) -> bool:
    pairs = [(one.handle_path, two.handle_path), (one.losses, two.losses), (one.arrived, two.arrived)]
    pairs += [(one.offsets[step], two.offsets[step]) for step in one.offsets]
    return one.offsets.keys() == two.offsets.keys() and all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("done, with_picture", [(1, True), (2, False)], ids=["between iterations", "inside one"])
def test_a_cancelled_drag_ends_as_if_it_had_not_been(tmp_path, inversion, model, whole, done, with_picture):
    store, calls = Unfinished(tmp_path), []
    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(done, None, with_picture), unfinished=store)
    assert len(list(tmp_path.iterdir())) == 1
    resumed = drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(-1, calls), unfinished=store)
    assert same(resumed, whole) and resumed.rounds == whole.rounds
    assert calls[MEASURED] == done and len(list(tmp_path.iterdir())) == 1


def test_a_finished_drag_is_not_dragged_again(tmp_path, inversion, model, whole, monkeypatch):
    """ComfyUI's cache lets go of a result when a later node fails: then the same is asked for again."""
    store = Unfinished(tmp_path)
    assert same(drag(inversion, tiny_tracks(), model, SETTINGS, unfinished=store), whole)
    calls = injected(monkeypatch, lambda of_step: of_step, set())
    again = drag(inversion, tiny_tracks(), model, SETTINGS, unfinished=store)
    assert same(again, whole) and again.rounds == whole.rounds and calls == []
    more = drag(inversion, tiny_tracks(), model, replace(SETTINGS, iterations=5), unfinished=store)
    assert len(more.losses) == 5 or bool(more.arrived.all())


def test_a_finished_inversion_is_not_made_again(tmp_path, inversion, model):
    store, calls = Unfinished(tmp_path), []
    invert(tiny_clip(3), model, INVERT, unfinished=store)
    again = invert(tiny_clip(3), model, INVERT, cancel_at(-1, calls), unfinished=store)
    assert torch.equal(again.latents, inversion.latents) and calls == []


@pytest.mark.parametrize("done", [1, 2])
def test_it_goes_on_with_the_frames_whose_turn_it_is(tmp_path, inversion, model, done):
    store, settings = Unfinished(tmp_path), replace(SETTINGS, turns=2, chunk=1)
    alone = drag(inversion, tiny_tracks(), model, settings)
    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, settings, cancel_at(done), unfinished=store)
    assert same(drag(inversion, tiny_tracks(), model, settings, unfinished=store), alone)


def test_a_drag_cancelled_twice_and_one_that_was_given_more_iterations(tmp_path, inversion, model, whole):
    store, short = Unfinished(tmp_path), replace(SETTINGS, iterations=2)
    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, short, cancel_at(1), unfinished=store)
    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(2), unfinished=store)
    assert same(drag(inversion, tiny_tracks(), model, SETTINGS, unfinished=store), whole)


def test_a_cancel_is_seen_before_the_first_iteration(tmp_path, inversion, model):
    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(0, None, False), unfinished=Unfinished(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("change", ["tracks", "settings", "inversion", "model", "start"])
def test_other_work_does_not_go_on_from_there(tmp_path, inversion, model, whole, change):
    store, calls, tracks = Unfinished(tmp_path), [], tiny_tracks()
    with pytest.raises(Cancelled):
        drag(inversion, tracks, model, SETTINGS, cancel_at(2), unfinished=store)
    changed = {
        "tracks": (inversion, replace(tracks, targets=tracks.targets + 1), model, SETTINGS),
        "settings": (inversion, tracks, model, replace(SETTINGS, learning_rate=0.04)),
        "inversion": (replace(inversion, latents=inversion.latents * 1.001), tracks, model, SETTINGS),
        "model": (inversion, tracks, tiny_model(seed=1), SETTINGS),
        "start": (inversion, tracks, model, SETTINGS),
    }[change]
    with pytest.raises(Cancelled):
        drag(*changed, cancel_at(1, calls), start=whole if change == "start" else None, unfinished=store)
    assert calls[-1] == 1


KILLED = """
import os, signal, sys
import torch
from core.stages.test_resume import INVERT, SETTINGS, Path, Unfinished, drag, invert, tiny_clip, tiny_model, tiny_tracks
def kill(done, total, picture):
    if done == 2 and picture is None:  # in the third iteration, with what was written after the second
        os.kill(os.getpid(), signal.SIGKILL)
model = tiny_model()
inversion = invert(tiny_clip(3), model, INVERT)
drag(inversion, tiny_tracks(), model, SETTINGS, kill, unfinished=Unfinished(Path(sys.argv[1]), seconds=0.0))
"""


@pytest.mark.slow
def test_a_killed_process_loses_nothing_that_was_written(tmp_path, inversion, model, whole):
    environment = dict(os.environ, PYTHONPATH=f"{ROOT}{os.pathsep}{ROOT / 'tests'}", OMP_NUM_THREADS=str(torch.get_num_threads()))
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    calls = []
    resumed = drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(-1, calls), unfinished=Unfinished(tmp_path))
    assert same(resumed, whole) and calls.count(0) == MEASURED  # so it did not begin with the first iteration


@pytest.mark.parametrize("cancelled_at", [3, 10])
def test_a_cancelled_inversion_ends_as_if_it_had_not_been(tmp_path, inversion, model, cancelled_at):
    store, calls, settings = Unfinished(tmp_path), [], replace(INVERT, chunk=1)
    alone = invert(tiny_clip(3), model, settings)
    with pytest.raises(Cancelled):
        invert(tiny_clip(3), model, settings, cancel_at(cancelled_at, None, False), unfinished=store)
    resumed = invert(tiny_clip(3), model, settings, cancel_at(-1, calls), unfinished=store)
    assert torch.equal(resumed.latents, alone.latents) and calls == list(range(cancelled_at + 1, 13))


def test_a_cancelled_inversion_with_a_stride_goes_on_where_it_was(tmp_path, model):
    store, calls, settings = Unfinished(tmp_path), [], replace(INVERT, stride=3, chunk=1)
    alone = invert(tiny_clip(3), model, settings)
    with pytest.raises(Cancelled):
        invert(tiny_clip(3), model, settings, cancel_at(7, None, False), unfinished=store)
    resumed = invert(tiny_clip(3), model, settings, cancel_at(-1, calls), unfinished=store)
    assert torch.equal(resumed.latents, alone.latents) and calls == [8, 11, 12]


# -------------------------------------------------------------------------------------------- when it cannot be written


def test_a_full_disk_is_a_warning_and_the_work_goes_on(tmp_path, inversion, model, whole):
    """Files of this process may not grow beyond 1000 bytes for a while."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal_before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.warns(UserWarning, match="could not be kept") as caught:
            result = drag(inversion, tiny_tracks(), model, SETTINGS, unfinished=Unfinished(tmp_path, seconds=0.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, signal_before)
    assert same(result, whole) and len(caught) == 1 and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_warning(tmp_path, inversion, model):
    (tmp_path / "file").touch()
    store = Unfinished(tmp_path / "file" / "folder")
    with pytest.warns(UserWarning, match="could not be kept"), pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(1), unfinished=store)


@pytest.mark.parametrize("fault", ["damaged", "of another shape", "not finite", "too far", "empty"])
def test_what_a_stranger_left_there_is_not_used(tmp_path, inversion, model, fault):
    store = Unfinished(tmp_path)
    with pytest.raises(Cancelled):
        drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(2), unfinished=store)
    (path,) = tmp_path.iterdir()
    state = store.work(path.stem).resumed()
    if fault == "of another shape":
        state["offset.4"] = torch.zeros(1)
    elif fault == "not finite":
        state["template.2"][0] = float("nan")
    elif fault == "too far":
        state["path"], state["losses"] = (rows.repeat_interleave(9, 0) for rows in (state["path"], state["losses"]))
    elif fault == "empty":
        state = {}
    save_file(state, str(path))
    if fault == "damaged":
        path.write_bytes(path.read_bytes()[:-7])
    calls = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with pytest.raises(Cancelled):
            drag(inversion, tiny_tracks(), model, SETTINGS, cancel_at(1, calls), unfinished=store)
    assert calls[-1] == 1 and any("could not be read" in str(w.message) for w in caught) == (fault == "damaged")


def test_old_work_is_pruned(tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished_work, "MOST_BYTES", 5000)
    for number in range(9):
        path = tmp_path / f"{number}.safetensors"
        Unfinished(tmp_path).work(str(number)).break_off(lambda: {"x": torch.zeros(100)})
        os.utime(path, (number, number))
    (tmp_path / "x.safetensors.1.writing").touch()
    os.utime(tmp_path / "x.safetensors.1.writing", (0, 0))
    (tmp_path / "mine.txt").touch()
    Unfinished(tmp_path).work("large").break_off(lambda: {"x": torch.zeros(1000)})
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"large.safetensors", "8.safetensors", "mine.txt"}, left  # 4 kB and 0.5 kB
    with pytest.warns(UserWarning, match="could not be kept"):
        Unfinished(tmp_path).work("larger").break_off(lambda: {"x": torch.zeros(2000)})


# -------------------------------------------------------------------------------- gradients and memory inside the loop


def injected(monkeypatch, fault, at: set[int]) -> list[int]:
    """Let `fault` change what the n-th call of the chunk's work gives, for n in `at`."""
    plain, calls = passes.supervise_chunk, []

    def supervise_chunk(plan, residuals, part, *others):
        calls.append(part.start)
        of_step, lowest = plain(plan, residuals, part, *others)
        return (fault(of_step) if len(calls) in at else of_step), lowest

    monkeypatch.setattr(passes, "supervise_chunk", supervise_chunk)
    return calls


def no_number(of_step):
    return of_step | {2: replace(of_step[2], gradient=torch.full_like(of_step[2].gradient, float("nan")))}


def no_memory(of_step):
    raise torch.OutOfMemoryError("CUDA out of memory (injected)")


def test_a_gradient_that_is_no_number_skips_the_step_and_halves_the_rate(monkeypatch, inversion, model, whole):
    injected(monkeypatch, no_number, {3})  # the second iteration's first chunk
    with pytest.warns(UserWarning, match="iteration 2.*halved to 0.025"):
        result = drag(inversion, tiny_tracks(), model, SETTINGS)
    assert len(result.losses) == 3 and torch.equal(result.losses[0], whole.losses[0])
    assert all(torch.isfinite(offset).all() for offset in result.offsets.values()) and not same(result, whole)


def test_after_three_it_stops_with_a_clear_error_and_what_was_there_is_kept(monkeypatch, tmp_path, inversion, model):
    injected(monkeypatch, no_number, set(range(3, 99)))
    with pytest.warns(UserWarning, match="halved"), pytest.raises(UserError, match="not finite 3 times.*learning_rate"):
        drag(inversion, tiny_tracks(), model, SETTINGS, unfinished=Unfinished(tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_running_out_of_memory_in_mid_drag_loses_and_counts_nothing_twice(monkeypatch, inversion, model, whole):
    """From the second chunk of the second iteration on frames go one at a time: bit for bit the same as if that had been
    chosen there, and the same drag as without."""
    calls = injected(monkeypatch, no_memory, {3})
    result = drag(inversion, tiny_tracks(), model, SETTINGS)
    assert calls == [0, 2, 0, 0, 1, 2, 0, 1, 2]
    monkeypatch.undo()
    with text_once(model.denoiser):
        small = small_drag(SETTINGS, inversion, tiny_tracks(), model)
        small.iterate()
        small.chunks.size = 1
        small.iterate()
        small.iterate()
    in_pieces = iteration.result(small.plan, small.initial, small.state, small.earlier, tiny_tracks())
    assert same(result, in_pieces)
    torch.testing.assert_close(result.handle_path, whole.handle_path, rtol=0, atol=1e-6)
    torch.testing.assert_close(result.losses, whole.losses, rtol=1e-4, atol=1e-4)


# -------------------------------------------------------------------------------------------------------- another round


def test_another_round_goes_on_from_the_edit_and_keeps_its_history(inversion, model, whole):
    more = drag(inversion, tiny_tracks(), model, replace(SETTINGS, steps=(3,), iterations=1), start=whole)
    assert set(more.offsets) == {4, 3, 2} and len(more.losses) == 4 and len(more.rounds) == 2
    assert torch.equal(more.handle_path[:4], whole.handle_path) and more.rounds[0] == whole.rounds[0]
    assert more.rounds[1].left_before == whole.rounds[0].left_after and more.rounds[1].iterations == 1
    none = drag(inversion, tiny_tracks(), model, replace(SETTINGS, iterations=0), start=whole)
    assert all(torch.equal(none.offsets[step], whole.offsets[step]) for step in whole.offsets)


def test_a_new_handle_starts_where_it_is_and_an_old_one_where_it_was_left(inversion, model, whole):
    tracks = tiny_tracks()
    new = replace(tracks, handles=tracks.handles.clone())
    new.handles[:, 1] += 5
    result = drag(inversion, new, model, replace(SETTINGS, iterations=0), start=whole)
    assert torch.equal(result.handle_path[-1, :, 0], whole.handle_path[-1, :, 0])
    assert torch.equal(result.handle_path[-1, :, 1], new.handles[:, 1])


def test_a_round_whose_mask_leaves_the_edit_out_says_so(inversion, model, whole):
    right = replace(tiny_tracks(), edit_mask=~tiny_tracks().edit_mask)
    with pytest.warns(UserWarning, match="Combine Edits"):
        drag(inversion, right, model, replace(SETTINGS, iterations=0), start=whole)


def test_an_edit_of_another_clip_is_no_start(inversion, model, whole):
    other = replace(whole, offsets={step: offset[:2] for step, offset in whole.offsets.items()})
    with pytest.raises(UserError, match="same clip"):
        drag(inversion, tiny_tracks(), model, SETTINGS, start=other)
