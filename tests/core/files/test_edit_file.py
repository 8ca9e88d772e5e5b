"""Laws of the saved edit: what is written comes back, what a stranger wrote gives one clear error."""

import json
import os
import struct
from dataclasses import fields, replace

import pytest
import torch
from core.tiny import tiny_clip, tiny_model, tiny_tracks
from hypothesis import HealthCheck, given
from hypothesis import settings as cases
from hypothesis import strategies as st

from dragvideo_core.files import edit_file
from dragvideo_core.files.edit_file import EditFile, clip_fingerprint, model_fingerprint
from dragvideo_core.stages.decode import DecodeSettings, decode
from dragvideo_core.stages.edit import EditSettings, check_source, combined, report, scaled
from dragvideo_core.stages.invert import InvertSettings, invert
from dragvideo_core.types import DragResult, PointTracks, Round, UserError

SIZE = (3, 4, 16, 16)
POINTS = json.dumps({"version": 1, "size": [64, 64], "frame": 0, "pairs": [{"handle": [1, 2], "target": [3, 4]}]})


def made_edit(seed: int = 0, steps=(3, 2), tracks=None) -> DragResult:
    """Offsets as if they had been found."""
    generator = torch.Generator().manual_seed(seed)
    handles = (tracks or tiny_tracks()).handles
    path = handles + torch.arange(3.0)[:, None, None, None, None]
    return DragResult(
        offsets={step: torch.randn(SIZE, generator=generator) for step in steps},
        handle_path=path,
        losses=torch.rand(2, 2, generator=generator),
        arrived=torch.tensor([True, False]),
        rounds=(Round('{"iterations": 2}', 2, 9.5, 7.5),),
    )


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture
def content(model) -> EditFile:
    return EditFile(made_edit(), tiny_tracks(), POINTS, clip_fingerprint(tiny_clip(3)), model_fingerprint(model), "tiny")


@pytest.fixture
def path(tmp_path, content):
    file = tmp_path / "edit.safetensors"
    edit_file.save(file, content)
    return file


def parts_of(path) -> tuple[dict, bytes]:
    """A file's header and its numbers, without any library."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def put_together(path, header, numbers: bytes) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)


def test_what_is_saved_comes_back_bit_for_bit(path, content):
    read = edit_file.load(path)
    assert (read.points, read.clip, read.model, read.model_name) == (content.points, content.clip, content.model, "tiny")
    assert read.edit.rounds == content.edit.rounds and read.edit.offsets.keys() == content.edit.offsets.keys()
    assert all(torch.equal(read.edit.offsets[step], content.edit.offsets[step]) for step in content.edit.offsets)
    for before, after in ((content.edit, read.edit), (content.tracks, read.tracks)):
        for field in fields(before):
            value = getattr(before, field.name)
            if isinstance(value, torch.Tensor):
                assert torch.equal(value, getattr(after, field.name)) and value.dtype == getattr(after, field.name).dtype
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_metadata_is_read_without_torch(path):
    metadata = parts_of(path)[0]["__metadata__"]
    assert metadata["drag_a_video_edit"] == "1" and metadata["points"] == POINTS
    assert json.loads(metadata["clip"]) | {"fingerprint": ""} == {"fingerprint": "", "frames": 3, "height": 64, "width": 64}
    assert json.loads(metadata["rounds"])[0]["left_after"] == 7.5 and json.loads(metadata["model"])["name"] == "tiny"


def test_a_loaded_edit_does_not_change_when_its_file_does(path, content):
    read = edit_file.load(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.write(b"\xff" * size)
    assert torch.equal(read.edit.offsets[3], content.edit.offsets[3])


def change(header: dict, case: str) -> dict:
    metadata = header["__metadata__"]
    if case == "another version":
        metadata["drag_a_video_edit"] = "2"
    elif case == "no mark":
        del metadata["drag_a_video_edit"]
    elif case == "metadata is no text":
        metadata["clip"] = {}
    elif case == "a stranger's tensor":
        header["../../x"] = {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}
    elif case == "a tensor is missing":
        del header["losses"]
    elif case == "half precision":
        header["losses"]["dtype"] = "F16"
    elif case == "shape and bytes differ":
        header["losses"]["shape"] = [10**9, 2]
    elif case == "a huge empty tensor":
        header["tracks.mask_points"]["shape"] = [3, 0, 2**60]
    elif case == "a negative side":
        header["losses"]["shape"] = [-2, 2]
    elif case == "frames differ":
        header["tracks.mask_points"]["shape"] = [4, 0, 2]
    elif case == "rounds are no list":
        metadata["rounds"] = "{}"
    elif case == "rounds are nested deeply":
        metadata["rounds"] = "[" * 100_000
    elif case == "a round is infinite":
        metadata["rounds"] = metadata["rounds"].replace("7.5", "1e999")
    elif case == "the clip is of another size":
        metadata["clip"] = metadata["clip"].replace("64", "128")
    elif case == "points are long":
        metadata["points"] = "x" * (2**20 + 1)
    return header


@pytest.mark.faults
@pytest.mark.parametrize(
    "case",
    [
        "another version",
        "no mark",
        "metadata is no text",
        "a stranger's tensor",
        "a tensor is missing",
        "half precision",
        "shape and bytes differ",
        "a huge empty tensor",
        "a negative side",
        "frames differ",
        "rounds are no list",
        "rounds are nested deeply",
        "a round is infinite",
        "the clip is of another size",
        "points are long",
    ],
)
def test_a_header_that_is_not_an_edits_is_refused(path, case):
    header, numbers = parts_of(path)
    put_together(path, change(header, case), numbers)
    with pytest.raises(UserError, match="edit.safetensors.*(expected|Expecting|rror|nested|recursion).*choose another"):
        edit_file.load(path)


@pytest.mark.faults
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"abc",
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 10**9) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        b"PK\x03\x04" * 9,
        struct.pack("<Q", 4) + b"\xff\xfe{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 4) + b"null",
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, data):
    path = tmp_path / "edit.safetensors"
    path.write_bytes(data)
    with pytest.raises(UserError, match="choose another"):
        edit_file.load(path)


@pytest.mark.faults
def test_a_file_that_is_gone_or_larger_than_it_may_be_is_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        edit_file.load(tmp_path / "nowhere.safetensors")
    with (tmp_path / "huge.safetensors").open("wb") as file:
        os.truncate(file.fileno(), edit_file.MOST_BYTES + 1)  # a hole: it takes no room on the disk
    with pytest.raises(UserError, match="bytes, got"):
        edit_file.load(tmp_path / "huge.safetensors")


@pytest.mark.faults
@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
@pytest.mark.parametrize("name", ["offset.3", "handle_path", "tracks.targets"])
def test_numbers_that_are_not_finite_are_refused(path, name, value):
    header, numbers = parts_of(path)
    start = header[name]["data_offsets"][0]
    put_together(path, header, numbers[:start] + struct.pack("<f", value) + numbers[start + 4 :])
    with pytest.raises(UserError, match=f"finite numbers from .* in {name}"):
        edit_file.load(path)


@pytest.mark.fuzz
@cases(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_changed_bytes_is_read_or_refused(path, data):
    """In the header, where all that can go wrong is."""
    whole = path.read_bytes()
    (length,) = struct.unpack("<Q", whole[:8])
    changed = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, 8 + length - 1))] = data.draw(st.integers(0, 255))
    other = path.with_name("changed.safetensors")
    other.write_bytes(bytes(changed[: data.draw(st.sampled_from([len(changed), len(changed) - 1, 8 + length, length]))]))
    try:
        read = edit_file.load(other)
    except UserError:
        return
    assert all(offset.shape == SIZE and torch.isfinite(offset).all() for offset in read.edit.offsets.values())


# ------------------------------------------------------------------------------------------------- what is done with it


@pytest.fixture(scope="module")
def inversion(model):
    return invert(tiny_clip(3), model, InvertSettings(until=3))


@pytest.mark.parametrize("settings", [DecodeSettings(), DecodeSettings(lock=False, smoothing=True, cross_branch="off")])
def test_strength_0_is_the_clip_bit_for_bit(model, inversion, settings):
    clip = tiny_clip(3)
    same, latents = decode(clip, inversion, scaled(made_edit(), 0), tiny_tracks(), model, settings)
    assert torch.equal(same.frames, clip.frames) and torch.equal(latents, inversion.latents[0])
    changed, _ = decode(clip, inversion, scaled(made_edit(), 1), tiny_tracks(), model, settings)
    assert not torch.equal(changed.frames, clip.frames)


def test_strength_scales_offsets_and_the_handles_way():
    edit, half = made_edit(), scaled(made_edit(), 0.5)
    assert scaled(edit, 1) is edit and half.rounds[0].strength == 0.5
    torch.testing.assert_close(half.offsets[3] * 2, edit.offsets[3])
    torch.testing.assert_close(half.handle_path[-1] - edit.handle_path[0], (edit.handle_path[-1] - edit.handle_path[0]) / 2)
    for wrong in (-0.1, 1.6, float("nan")):
        with pytest.raises(UserError, match="between 0 and 1.5"):
            scaled(edit, wrong)


def test_edits_add_up_whatever_their_order():
    right = replace(tiny_tracks(), edit_mask=~tiny_tracks().edit_mask)
    one, two = made_edit(0, (3, 2)), made_edit(1, (2, 1))
    (sum_, tracks), (other_way, _) = combined(one, tiny_tracks(), two, right), combined(two, right, one, tiny_tracks())
    assert set(sum_.offsets) == {3, 2, 1} and torch.equal(sum_.offsets[3], one.offsets[3])
    assert all(torch.equal(sum_.offsets[step], other_way.offsets[step]) for step in sum_.offsets)
    torch.testing.assert_close(sum_.offsets[2], one.offsets[2] + two.offsets[2])
    assert tracks.edit_mask.all() and tracks.handles.shape == (3, 4, 9, 2) and sum_.handle_path.shape == (3, 3, 4, 9, 2)
    assert sum_.arrived.tolist() == [True, False, True, False] and len(sum_.rounds) == 2


def test_tracks_alone_can_be_added():
    edit, tracks = combined(made_edit(), tiny_tracks(), None, tiny_tracks())
    assert torch.equal(edit.offsets[3], made_edit().offsets[3]) and tracks.handles.shape[1] == 4
    assert torch.equal(edit.handle_path[-1, :, 2:], tiny_tracks().handles)


def with_layer(value: float, **more) -> PointTracks:
    return replace(tiny_tracks(), layer=torch.full((3, 1, 64, 64), value), **more)


def test_layers_are_saved_and_united_and_shares_beyond_1_are_refused(tmp_path, content):
    tracks = with_layer(0.25, front=torch.zeros(3, 1, 64, 64))
    path = tmp_path / "layers.safetensors"
    edit_file.save(path, replace(content, tracks=tracks))
    read = edit_file.load(path).tracks
    assert torch.equal(read.layer, tracks.layer) and torch.equal(read.front, tracks.front)
    _, both = combined(made_edit(), tracks, None, with_layer(0.5))
    assert bool((both.layer == 0.5).all()) and torch.equal(both.front, tracks.front)
    assert combined(made_edit(), tracks, None, tiny_tracks())[1].layer is None  # of the other thing it is not known
    for wrong in (-0.1, 1.5, float("nan")):
        edit_file.save(path, replace(content, tracks=with_layer(wrong)))
        with pytest.raises(UserError, match=r"from 0 to 1 in tracks\.layer"):
            edit_file.load(path)


def test_edits_of_two_clips_do_not_add_up():
    with pytest.raises(UserError, match="one clip"):
        combined(made_edit(), tiny_tracks(), None, tiny_tracks(2))


def test_another_clip_or_model_is_said_and_can_be_overridden(content, model):
    clip = tiny_clip(3)
    check_source(content, clip, model)
    check_source(content, None, None)
    brighter = replace(clip, frames=(clip.frames + 0.1).clamp(0, 1))
    for wired, word in (((brighter, model), "frames"), ((clip, tiny_model(seed=1)), "model")):
        with pytest.raises(UserError, match=f"{word}.*use_anyway"):
            check_source(content, *wired)
        with pytest.warns(UserWarning, match=word):
            check_source(content, *wired, EditSettings(use_anyway=True))
    with pytest.raises(UserError, match="3 frames of 64 x 64"):  # which nothing can override
        check_source(content, tiny_clip(2), model, EditSettings(use_anyway=True))


def test_an_edit_saved_by_version_0_1_can_be_used_with_a_warning(content, model):
    """Its fingerprints were made in another way."""
    old = replace(content, clip="0af1" * 16, model="93bc" * 16)
    with pytest.warns(UserWarning, match=r"version 0\.1.*Save it again"):
        check_source(old, tiny_clip(3), model)
    with pytest.raises(UserError, match="3 frames of 64 x 64"):
        check_source(old, tiny_clip(2), model)


def test_the_report_names_the_rounds(content):
    assert "round 1: 2 iterations, 9.5 px left before, 7.5 px after" in report(content)
