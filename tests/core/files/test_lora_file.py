"""Laws of the LoRA's file: it says what it was trained on, and a broken-off training loses nothing."""

import pytest
import torch
from core.tiny import tiny_clip, tiny_model
from safetensors import safe_open
from safetensors.torch import save_file

from dragvideo_core.diffusion import lora
from dragvideo_core.files import lora_file
from dragvideo_core.files.lora_file import LoraStore
from dragvideo_core.files.unfinished import Unfinished
from dragvideo_core.stages.tune import TuneSettings, tune
from dragvideo_core.types import UserError

SETTINGS = TuneSettings(rank=2, learning_rate=1e-2, passes=6, batch=1)


def counted(calls: list, stop_after: int | None = None):
    def on_progress(done, total, picture):
        calls.append(done)
        if done == stop_after:
            raise KeyboardInterrupt

    return on_progress


def same(one, two) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_names_there_and_back():
    model = tiny_model()
    weights = lora.lora_weights(lora.with_lora(model.denoiser, 2))
    common = lora_file.common_names(weights)
    assert len(common) == len(weights) * 3 // 2
    assert all(float(value) == 2 for name, value in common.items() if name.endswith(".alpha"))
    assert same(lora_file.peft_names(common, weights), weights)


def test_what_is_finished_is_not_trained_again(tmp_path):
    store, clip, model = LoraStore(file=tmp_path / "sub" / "clip.safetensors"), tiny_clip(1), tiny_model()
    first = tune(clip, model, SETTINGS, store=store)
    calls = []
    again = tune(clip, model, SETTINGS, counted(calls), store)
    assert calls == [] and same(again.lora, first.lora) and same(again.denoiser.state_dict(), first.denoiser.state_dict())
    assert again.lora_losses == pytest.approx(first.lora_losses, abs=1e-6)


@pytest.mark.parametrize("change", ["clip", "model", "settings"])
def test_another_clip_model_or_setting_is_trained_anew(tmp_path, change):
    store, clip, model = LoraStore(file=tmp_path / "clip.safetensors"), tiny_clip(1), tiny_model()
    tune(clip, model, SETTINGS, store=store)
    clip = tiny_clip(1, seed=1) if change == "clip" else clip
    model = tiny_model(seed=1) if change == "model" else model
    settings = TuneSettings(rank=2, learning_rate=1e-2, passes=5, batch=1) if change == "settings" else SETTINGS
    calls = []
    tune(clip, model, settings, counted(calls), store)
    assert calls


@pytest.mark.parametrize("stop_after", [1, 4])
def test_a_training_that_was_broken_off_ends_as_if_it_had_not_been(tmp_path, stop_after):
    folder, clip, model = tmp_path / "unfinished", tiny_clip(1), tiny_model()
    store = LoraStore(file=tmp_path / "clip.safetensors", unfinished=Unfinished(folder))
    whole = tune(clip, model, SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        tune(clip, model, SETTINGS, counted([], stop_after), store)
    calls = []
    resumed = tune(clip, model, SETTINGS, counted(calls), store)
    assert calls[:2] == [stop_after, stop_after + 1]
    assert same(resumed.lora, whole.lora) and resumed.lora_losses == whole.lora_losses
    assert list(folder.iterdir()) == []


def test_what_is_finished_and_has_no_name_is_not_trained_again_either(tmp_path):
    store, clip, model = LoraStore(unfinished=Unfinished(tmp_path)), tiny_clip(1), tiny_model()
    first, calls = tune(clip, model, SETTINGS, store=store), []
    again = tune(clip, model, SETTINGS, counted(calls), store)
    assert calls == [6] and same(again.lora, first.lora) and again.lora_losses == first.lora_losses


@pytest.mark.faults
@pytest.mark.parametrize("change", [lambda w: w[:, :-1].contiguous(), lambda w: w * torch.nan, lambda w: w[None]])
def test_a_file_that_tells_the_truth_about_its_training_only(tmp_path, change):
    """Its name for what it was trained on is right, one of its weights is not."""
    store, clip, model = LoraStore(file=tmp_path / "clip.safetensors"), tiny_clip(1), tiny_model()
    tune(clip, model, SETTINGS, store=store)
    with safe_open(str(store.file), "pt") as file:
        weights, metadata = {name: file.get_tensor(name) for name in file.keys()}, file.metadata()  # noqa: SIM118  safe_open is no dict
    name = next(name for name in weights if name.endswith("up.weight"))
    save_file(weights | {name: change(weights[name])}, str(store.file), metadata=metadata)
    with pytest.raises(UserError, match="the LoRA has no .*up.weight of shape.*save_as"):
        tune(clip, model, SETTINGS, store=store)


@pytest.mark.faults
def test_a_lora_that_cannot_be_written_is_used_all_the_same(tmp_path):
    (tmp_path / "a file").touch()
    store, clip, model = LoraStore(file=tmp_path / "a file" / "clip.safetensors"), tiny_clip(1), tiny_model()
    with pytest.warns(UserWarning, match="could not be written"):
        tuned = tune(clip, model, SETTINGS, store=store)
    assert same(tuned.lora, tune(clip, model, SETTINGS).lora)


def test_somebody_elses_file_is_not_overwritten(tmp_path):
    path = tmp_path / "mine.safetensors"
    save_file({"unet:0:up": torch.zeros(2, 2)}, str(path))
    before, calls = path.read_bytes(), []
    with pytest.raises(UserError, match="mine.safetensors"):
        tune(tiny_clip(1), tiny_model(), SETTINGS, counted(calls), LoraStore(file=path))
    assert calls == [] and path.read_bytes() == before


def test_a_half_precision_model_is_tuned_with_finite_weights():
    model = tiny_model()
    model.denoiser.bfloat16()
    tuned = tune(tiny_clip(1), model, SETTINGS)
    assert all(weight.dtype == torch.float32 and torch.isfinite(weight).all() for weight in tuned.lora.values())
    assert tuned.dtype == torch.bfloat16 and any(weight.abs().max() > 0 for name, weight in tuned.lora.items() if "lora_B" in name)


def test_the_curve_is_a_picture():
    from dragvideo_core.media.curve import draw_curve

    flat, falling = draw_curve([1.0] * 40, 100), draw_curve([1 / step for step in range(1, 41)], 100)
    assert flat.shape == falling.shape and not torch.equal(flat, falling)
    assert draw_curve([], 10).shape == flat.shape
