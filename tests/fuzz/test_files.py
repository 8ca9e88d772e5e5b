"""Checkpoints and LoRAs from a stranger: read right or refused in one clear sentence, and no code in them is run."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from pathlib import Path
from random import Random

import pytest
import torch
from hypothesis import given
from safetensors.torch import save

from dragvideo_core.files import lora_file
from dragvideo_core.files.lora_file import LoraStore
from dragvideo_core.layers import sam
from dragvideo_core.layers.sam import load_sam
from dragvideo_core.types import UserError

from . import mutate
from .conftest import randoms, watched

NAMES = ("image_encoder.pos_embed", "image_encoder.patch_embed.proj.weight", "mask_decoder.iou_token.weight")
WEIGHTS = {name: torch.zeros(1, 2, 2, 16) for name in NAMES}  # narrower than any SAM: nothing is built for it
PRINT = "0123abcd"  # the fingerprint that is asked for
LAYER = "lora_unet_down_blocks_0_attn1_to_q"
LORA = {LAYER + end: torch.ones(2, 4) for end in (".lora_up.weight", ".lora_down.weight")} | {LAYER + ".alpha": torch.tensor(2.0)}
LIKE = {f"down_blocks.0.attn1.to_q.lora_{end}.weight": torch.zeros(2, 4) for end in "AB"}  # what it is read for
TOLD = {lora_file.TRAINED_ON: PRINT, lora_file.LOSSES: "[0.5, 0.25]"}


class Code:
    """Pickled, it asks the reader to run a program."""

    def __init__(self, leaves: Path):
        self.leaves = leaves

    def __reduce__(self):
        return os.mkdir, (str(self.leaves),)


def pickled(value: object, whole_zip: bool = True) -> bytes:
    """The bytes of `torch.save`, of today or of torch before 1.6."""
    held = io.BytesIO()
    torch.save(value, held, _use_new_zipfile_serialization=whole_zip)
    return held.getvalue()


def any_object(rng: Random) -> object:
    """What somebody may have put into a checkpoint in the place of weights."""
    keys = (*NAMES, 5, None, "", "\ud800", ("a", 1), 2.5)
    values = (torch.zeros(1, 2, 2, 16), torch.zeros(()), torch.ones(3).bool(), torch.zeros(1, 1).to_sparse(), 7, "text", None, {})
    held = {rng.choice(keys): rng.choice((*values, mutate.leaf(rng))) for _ in range(rng.randint(0, 5))}
    return rng.choice((held, held, {"state_dict": held}, list(held.values()), torch.zeros(2), mutate.leaf(rng)))


GOOD_PICKLES = [pickled(WEIGHTS), pickled(WEIGHTS, whole_zip=False)]


def any_pickle(rng: Random) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randint(0, 300))
    if kind == 1:
        return pickled(any_object(rng), rng.random() < 0.8)
    return mutate.data(rng, rng.choice(GOOD_PICKLES))


def any_safetensors(rng: Random, good: bytes) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return rng.randbytes(rng.randint(0, 300))
    length = int.from_bytes(good[:8], "little")
    if kind <= 2:  # a sound file but for its header
        header = mutate.text(rng, json.loads(good[8 : 8 + length])).encode("utf-8", "surrogatepass")
        return len(header).to_bytes(8, "little") + header + good[8 + length :]
    return mutate.data(rng, good)


@pytest.fixture(scope="module", autouse=True)
def libraries_are_loaded(tmp_path_factory) -> None:
    """What torch and segment_anything import, and make, when they first read a file is not the file's doing."""
    path = tmp_path_factory.mktemp("first") / "sam.pth"
    for value in (WEIGHTS, {"sparse": torch.zeros(1, 1).to_sparse()}, sound_sam() | {"extra": 5}):
        path.write_bytes(pickled(value))
        with pytest.raises(UserError):
            load_sam(path)


def refused(path: Path) -> None:
    """`load_sam` says in one sentence that this is no SAM, and opens nothing but the file."""
    with watched() as seen, pytest.raises(UserError, match="not a SAM checkpoint|Download sam_vit") as refusal:
        load_sam(path)
    assert len(str(refusal.value)) < 1000
    assert all(str(path) in event for event in seen), seen


@pytest.mark.filterwarnings("ignore:Validating sparse tensor", "ignore:Detected pickle protocol")
@given(randoms())
def test_sam_checkpoints(tmp_path_factory, rng):
    path = _folder(tmp_path_factory) / "sam.pth"
    path.write_bytes(any_pickle(rng))
    refused(path)


@given(randoms())
def test_sam_checkpoints_as_safetensors(tmp_path_factory, rng):
    path = _folder(tmp_path_factory) / "sam.safetensors"
    path.write_bytes(any_safetensors(rng, save(WEIGHTS)))
    refused(path)


def _folder(factory: pytest.TempPathFactory) -> Path:
    folder = factory.getbasetemp() / "fuzzed files"
    folder.mkdir(exist_ok=True)
    return folder


def sound_sam() -> dict[str, torch.Tensor]:
    """Names and shapes of SAM's vit_b, each weight one number seen everywhere: a file of some kilobytes."""
    from segment_anything import sam_model_registry

    with torch.device("meta"):
        shapes = {name: value.shape for name, value in sam_model_registry["vit_b"]().state_dict().items()}
    return {name: torch.zeros(()).expand(shape) for name, shape in shapes.items()}


ODD = {
    "nothing": {},
    "a number more": {"extra": 5},
    "a number in the place of a weight": {NAMES[0]: 7.0},
    "a key that is no text": {5: torch.zeros(2)},
    "a weight more": {"extra": torch.zeros(2)},
    "a weight of booleans": {"mask_decoder.iou_token.weight": torch.zeros(1, 256).bool()},
    "a sparse weight": {"mask_decoder.iou_token.weight": torch.zeros(1, 256).to_sparse()},
    "complex numbers": {"mask_decoder.iou_token.weight": torch.zeros(1, 256, dtype=torch.complex64)},
}


@pytest.mark.parametrize("kind", ODD)
def test_a_sam_that_is_almost_right(tmp_path, kind):
    path = tmp_path / "sam.pth"
    path.write_bytes(pickled(sound_sam() | ODD[kind]))
    if kind == "nothing":
        assert load_sam(path).mask_decoder.iou_token.weight.shape == (1, 256)
    else:
        refused(path)


@pytest.mark.parametrize("whole_zip", [True, False])
def test_code_in_a_checkpoint_is_not_run(tmp_path, whole_zip):
    path, made = tmp_path / "sam.pth", tmp_path / "made by the file"
    for value in (Code(made), WEIGHTS | {"x": Code(made)}):
        path.write_bytes(pickled(value, whole_zip))
        refused(path)
    path.write_bytes(pickle.dumps(Code(made)))
    refused(path)
    assert not made.exists()


def test_a_checkpoint_that_unpacks_to_more_than_any_sam_is_refused_before(tmp_path, monkeypatch):
    path = tmp_path / "sam.pth"
    with zipfile.ZipFile(io.BytesIO(pickled(WEIGHTS))) as sound, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in sound.namelist():
            packed.writestr(name, bytes(10**7) if "/data/" in name else sound.read(name))
    assert path.stat().st_size < 10**5
    monkeypatch.setattr(sam, "MAX_FILE_BYTES", 2 * 10**7)  # three weights of 10^7 bytes
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was unpacked"))
    refused(path)


@given(randoms())
def test_lora_files(tmp_path_factory, rng):
    """Of a file that is not its own, a store says so or takes no notice of it."""
    path = _folder(tmp_path_factory) / "lora.safetensors"
    path.write_bytes(any_safetensors(rng, save(LORA, TOLD)))
    store = LoraStore(file=path)
    with watched() as seen:
        try:
            store.check()
            trained = store.finished(PRINT)
            if trained is not None:
                assert all(isinstance(loss, float) for loss in trained[1])
                lora_file.peft_names(trained[0], LIKE)
        except UserError as refusal:
            assert 20 < len(str(refusal)) < 1000
    assert all(str(path) in event for event in seen), seen


def test_no_reader_of_the_pack_unpickles_more_than_weights():
    """`torch.load` is always asked for weights only, and no other unpickler is used."""
    root = Path(__file__).resolve().parents[2]
    for path in [*(root / "nodes").rglob("*.py"), *(root / "dragvideo_core").rglob("*.py")]:
        text = path.read_text(encoding="utf-8")
        assert text.count("torch.load(") == text.count("weights_only=True"), path.name
        assert not any(word in text for word in ("import pickle", "joblib", "allow_pickle=True", "eval(f", "exec(")), path.name
