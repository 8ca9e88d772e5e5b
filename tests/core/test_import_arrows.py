"""Who may import whom: types <- the packages of ideas <- stages <- pipeline; nodes -> dragvideo_core (by `ast`)."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOST_MODULES = {"comfy", "comfy_api", "comfy_execution", "comfy_extras", "folder_paths", "server", "nodes", "execution"}
OWN = {"dragvideo_core", "nodes", "tests"}

# The room of a module -> the rooms that it may import from. A stage imports no other stage: it is not in its own row.
MAY_IMPORT = {
    "types": set(),
    "masked": set(),
    "pulse": set(),
    "group": {"types", "pulse"},
    "diffusion": {"types", "diffusion", "group"},
    "files": {"types", "files"},
    "media": {"types", "masked", "media"},
    "exchange": {"types", "exchange"},
    "points": {"types", "points", "diffusion", "group"},
    "temporal": {"types", "temporal", "points", "diffusion", "group"},
    "ground": {"types", "masked", "ground", "points"},
    "layers": {"types", "layers", "points"},
    "region": {"types", "masked", "region", "ground"},
    "displacement": {"types", "masked", "displacement", "ground", "layers", "points"},
    "dragging": {"types", "dragging", "displacement", "points", "diffusion", "files", "group"},
    "embedded": {"types", "diffusion", "embedded", "ground", "points"},
    "warning": set(),
}
for rights in MAY_IMPORT.values():
    if "types" in rights:  # whoever may know the values may warn
        rights.add("warning")
IDEAS = {*MAY_IMPORT}
MAY_IMPORT |= {
    "stages": IDEAS,
    "pipeline": {*IDEAS, "stages"},
    "workers": {*IDEAS, "stages", "workers"},
    "ahead": set(),
    "film_drawing": {*IDEAS, "stages"},
    "film_window": {*IDEAS, "stages", "film_drawing"},
    "film_edit": {*IDEAS, "stages", "ahead", "film_drawing", "film_window"},
    "job_file": {*IDEAS, "stages", "pipeline", "film_edit"},
    "job": {*IDEAS, "stages", "pipeline", "film_drawing", "film_edit", "job_file"},
    "__main__": {"types", "warning", "job", "job_file", "group"},
    "dragvideo_core": {*IDEAS, "stages", "pipeline", "film_edit"},
    "nodes": {*IDEAS, "stages", "pipeline", "film_edit", "job_file", "workers", "nodes"},
    "root": {"nodes"},
}


def pack_files():
    """Every Python file that ComfyUI would load as part of the pack."""
    folders = (ROOT / "dragvideo_core").rglob("*.py"), (ROOT / "nodes").rglob("*.py")
    return sorted([*folders[0], *folders[1], ROOT / "__init__.py"])


def room_of(path):
    """The room a module lives in: `("dragvideo_core", "parts", "points.py")` -> "parts"."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    if parts[0] == "nodes":
        return "nodes"
    if parts[0] != "dragvideo_core":
        return "root"
    return "dragvideo_core" if len(parts) < 2 or parts[1] == "__init__" else parts[1]


def imports(source, path):
    """Yields (the name's path as a tuple, is_relative) for every name that a module imports."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((tuple(name.name.split(".")), False) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = tuple((node.module or "").split(".")) if node.module else ()
            if not node.level:
                yield module, False
                continue
            base = package[: len(package) - node.level + 1] + module
            yield from ((base + (name.name,), True) for name in node.names)


def faults(source, path):
    """What a module imports and must not, in words."""
    room = room_of(path)
    faults = []
    for target, is_relative in imports(source, path):
        if not is_relative:
            if target[0] in OWN - {"nodes"}:
                faults.append(f"imports {'.'.join(target)} by its absolute name: make it relative")
            if room not in ("nodes", "root") and target[0] in HOST_MODULES:
                faults.append(f"the core imports ComfyUI's {'.'.join(target)}")
            continue
        if target[:1] == ("dragvideo_core",):
            target_room = target[1] if target[1:] and target[1] in MAY_IMPORT else "dragvideo_core"
        else:
            target_room = "nodes" if target[:1] == ("nodes",) else "root"
        if target_room not in MAY_IMPORT[room]:
            faults.append(f"{room} imports {'.'.join(target)}")
    return faults


@pytest.mark.parametrize("path", pack_files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_arrows(path):
    assert faults(path.read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    "place, line",
    [
        ("dragvideo_core/stages/drag.py", "from .decode import decode"),
        ("dragvideo_core/stages/drag.py", "from . import decode"),
        ("dragvideo_core/stages/drag.py", "from ..stages.decode import decode"),
        ("dragvideo_core/points/sets.py", "from ..stages.drag import drag"),
        ("dragvideo_core/points/sets.py", "from .. import stages"),
        ("dragvideo_core/embedded/model.py", "from ..pipeline import edit"),
        ("dragvideo_core/types.py", "from .points import sets"),
        ("dragvideo_core/points/sets.py", "from ..dragging import offsets"),
        ("dragvideo_core/diffusion/ddim.py", "from ..points.sampling import lookup"),
        ("dragvideo_core/pipeline.py", "from ..nodes import drag"),
        ("dragvideo_core/pipeline.py", "import comfy.utils"),
        ("dragvideo_core/points/sets.py", "def late():\n    import folder_paths"),
        ("nodes/drag.py", "from dragvideo_core.types import VideoClip"),
    ],
)
def test_a_wrong_arrow_is_seen(place, line):
    assert len(faults(line, ROOT / place)) == 1


@pytest.mark.parametrize(
    "place, line",
    [
        ("dragvideo_core/stages/drag.py", "from ..dragging import offsets"),
        ("dragvideo_core/points/sets.py", "from .sampling import bilinear\nfrom ..types import VideoClip"),
        ("dragvideo_core/pipeline.py", "from .stages.drag import drag"),
        ("nodes/drag.py", "import comfy.utils\nfrom ..dragvideo_core.stages.drag import drag\nfrom .sockets import Edit"),
        ("nodes/model.py", "from ..dragvideo_core import embedded"),
        ("__init__.py", "from .nodes import comfy_entrypoint"),
    ],
)
def test_a_right_arrow_is_allowed(place, line):
    assert faults(line, ROOT / place) == []


@pytest.mark.slow
def test_the_core_loads_without_comfyui():
    """Imports every module of the core in a fresh interpreter, then looks at what came along."""
    core = (ROOT / "dragvideo_core").rglob("*.py")
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in core]
    script = (
        f"import importlib, sys; [importlib.import_module(name) for name in {names!r}];"
        f"print(sorted(set(sys.modules) & {HOST_MODULES!r}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
