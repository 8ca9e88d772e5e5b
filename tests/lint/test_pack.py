"""The community's lint tools on the pack, and what its requirements say. `make test` installs them in `.cache/lint`."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".cache" / "lint" / "bin"

pytestmark = pytest.mark.lint


def run(tool: str, *arguments: str, home: Path) -> subprocess.CompletedProcess:
    """Run a lint tool on the pack, with a home folder of its own: the tools keep settings there."""
    if not (TOOLS / tool).exists():
        pytest.skip(f"{tool} is not installed: `make test` installs it into .cache/lint")
    environment = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "DO_NOT_TRACK": "1"}
    return subprocess.run([TOOLS / tool, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_comfy_test_lint(tmp_path):
    done = run("comfy-test", "lint", "--strict", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_comfy_node_validate(tmp_path):
    run("comfy", "--skip-prompt", "tracking", "disable", home=tmp_path)
    done = run("comfy", "--skip-prompt", "node", "validate", home=tmp_path)
    output = done.stdout + done.stderr
    assert done.returncode == 0 and "All validation checks passed" in output, output


def test_requirements_are_named_once_and_pin_nothing_that_comfyui_has():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    named = [line for line in lines if line and not line.startswith("#")]
    assert re.findall(r'"([^"]+)"', re.search(r"^dependencies = (.*)$", (ROOT / "pyproject.toml").read_text(), re.M)[1]) == named
    core = {"torch", "torchvision", "torchaudio", "numpy", "transformers", "tokenizers", "safetensors", "pillow", "av", "einops"}
    assert not core & {re.split("[<>=!~ ]", line)[0].lower() for line in named}
    assert not any("==" in line for line in named)


def test_no_file_of_the_pack_holds_characters_that_windows_consoles_cannot_show():
    for path in [ROOT / "__init__.py", *(ROOT / "nodes").rglob("*.py"), *(ROOT / "dragvideo_core").rglob("*.py")]:
        path.read_text(encoding="utf-8").encode("cp1252")
