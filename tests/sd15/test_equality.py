"""The converted denoiser is ComfyUI's: same latents, same timestep, same text, same answer."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys

import psutil
import pytest
from host import source
from sd15 import checkpoints

pytestmark = pytest.mark.sd15
NEEDED_GB = 10  # of memory, for a full-size model twice in float32 and its file
EQUAL = 1e-3


def free_gb() -> float:
    return psutil.virtual_memory().available / 1e9


def run_child(task: str, folder) -> dict:
    """The answer of `sd15.child`, whose memory is free again when it comes."""
    environment = dict(os.environ, PYTHONPATH=str(source.ROOT))
    command = [sys.executable, "-m", "sd15.child", task, str(folder)]
    done = subprocess.run(command, cwd=source.ROOT / "tests", env=environment, capture_output=True, text=True, timeout=800)
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    print(f"{task}: relative errors {answer['errors']}, peak memory {answer['peak_gb']:.1f} GB")
    return answer


@pytest.mark.parametrize(
    "layout, tensors, parameters",
    [
        (checkpoints.denoiser_shapes(checkpoints.SD15), 686, 859_520_964),
        (checkpoints.denoiser_shapes(checkpoints.SD21), 686, 865_910_724),
        (checkpoints.vae_shapes(), 248, 83_653_863),
        (checkpoints.text_shapes(), 196, 123_060_480),
    ],
    ids=["denoiser 1.5", "denoiser 2.1", "vae", "text encoder"],
)
def test_the_layout_is_that_of_the_published_files(layout, tensors, parameters):
    assert (len(layout), sum(math.prod(shape) for shape in layout.values())) == (tensors, parameters)


@pytest.mark.parametrize("task", ["small", "sd15", "sd21"])
def test_the_copy_equals_comfyui(task, tmp_path):
    if task != "small" and free_gb() < NEEDED_GB:
        pytest.skip(f"needs {NEEDED_GB} GB of free memory for a full-size model")
    answer = run_child(task, tmp_path)
    assert max(answer["errors"]) < EQUAL
    assert answer["family"] == ("SD20" if task == "sd21" else "SD15")
    assert answer["prediction"] == ("v_prediction" if task == "sd21" else "epsilon")
    assert answer["schedule_error"] < 1e-6
    assert answer["is_usable"]
    if task == "small":
        dtype, error = answer["half"]
        assert dtype == "torch.bfloat16" and EQUAL < error < 0.05
    if task != "sd21":
        assert max(answer["errors_with_lora"]) < EQUAL
        assert min(answer["errors_of_the_unpatched"]) > 10 * EQUAL, "the LoRA changes nothing: this test proves nothing"
        assert answer["untouched"], "the shared MODEL was changed"
        assert answer["same_when_loaded"]
