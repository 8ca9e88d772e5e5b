"""Each module of the core has tests of its own, in the same place and of the same name, or its laws are held elsewhere."""

from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
CORE = TESTS.parents[1] / "dragvideo_core"

# The module -> the tests that hold it: what it does can only be seen in the work that it is a part of.
HELD_BY = {
    "__main__.py": "test_job.py",  # the command line of a job
    "diffusion/added_lora.py": "../sd15/test_single_file.py",
    "diffusion/single_file.py": "../sd15/test_single_file.py",  # beside ComfyUI's own loader
    # one displacement of a whole frame
    "displacement/bending.py": "stages/test_displace.py",
    "displacement/compose.py": "stages/test_displace.py",
    "displacement/hidden.py": "stages/test_displace.py",
    "displacement/pulls.py": "stages/test_displace.py",
    # one drag
    "dragging/initial.py": "dragging/test_first_pass.py",
    "dragging/plan.py": "dragging/test_passes.py",
    "dragging/settings.py": "stages/test_drag.py",
    # the drawn world: what it draws and says of itself is compared with the model and with followed points
    "embedded/drawn_clips.py": "embedded/test_model.py",
    "embedded/drawn_world.py": "embedded/test_demo_clip.py",
    "files/unfinished.py": "stages/test_resume.py",
    "film_window.py": "test_film_edit.py",  # windows of a whole film
    # one filling of freed ground
    "ground/camera.py": "ground/test_fill.py",
    "ground/motion.py": "ground/test_fill.py",
    "ground/smooth.py": "ground/test_fill.py",
    "ground/transfer.py": "ground/test_fill.py",
    # one layer
    "layers/given.py": "stages/test_segment.py",
    "layers/grabcut.py": "layers/test_strokes.py",
    "layers/sam.py": "stages/test_segment.py",
    # reading and writing real files
    "media/colour.py": "media/test_hdr.py",
    "media/container.py": "stages/test_load.py",
    "media/curve.py": "files/test_lora_file.py",
    "media/decoding.py": "stages/test_load_films.py",
    "media/deinterlace.py": "media/test_film.py",
    "media/encoding.py": "media/test_film_writer.py",
    "media/picture.py": "stages/test_load.py",
    "media/plots.py": "stages/test_evaluate.py",
    "media/sound_copy.py": "media/test_film_writer.py",
    "media/stored.py": "media/test_film_writer.py",
    "media/video_file.py": "stages/test_load.py",
    "media/webp.py": "stages/test_load_films.py",
    "stages/edit.py": "files/test_edit_file.py",
    "workers/work.py": "workers/test_start.py",  # what a worker does, those see who start it
}


def modules() -> list[str]:
    return sorted(path.relative_to(CORE).as_posix() for path in CORE.rglob("*.py") if path.name != "__init__.py")


def own_tests(module: str) -> Path:
    return TESTS / Path(module).parent / f"test_{Path(module).name}"


@pytest.mark.parametrize("module", modules())
def test_a_module_has_tests(module):
    assert own_tests(module).is_file() or (TESTS / HELD_BY.get(module, "nowhere")).is_file()


def test_the_list_names_no_module_that_is_gone_or_has_tests_of_its_own():
    assert [module for module in HELD_BY if not (CORE / module).is_file() or own_tests(module).is_file()] == []
