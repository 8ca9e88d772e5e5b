"""The pack as the server sees it: nodes, workflows, thumbnails, and nobody else's module shadowed."""

import io
import json
import re
import subprocess
import sys

import pytest
from PIL import Image

from host import source
from host.comfyui import PACK_FOLDER, ROOT, ComfyUI
from host.ui_to_api import ui_to_api

# Saved workflows hold these names: they are never to change.
NODE_IDS = {
    "DragAVideo_LoadVideo",
    "DragAVideo_Pick",
    "DragAVideo_SAM",
    "DragAVideo_Propagate",
    "DragAVideo_DemoClip",
    "DragAVideo_EmbeddedModel",
    "DragAVideo_Model",
    "DragAVideo_UseTracks",
    "DragAVideo_Tune",
    "DragAVideo_Invert",
    "DragAVideo_Drag",
    "DragAVideo_Decode",
    "DragAVideo_Evaluate",
    "DragAVideo_SaveEdit",
    "DragAVideo_LoadEdit",
    "DragAVideo_CombineEdits",
}
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


def pack_nodes(comfy: ComfyUI) -> dict:
    """The definitions of this pack's nodes; fails where there are none."""
    found = {name: info for name, info in comfy.object_info().items() if info["python_module"].endswith(PACK_FOLDER)}
    assert found, comfy.log_tail(80)
    return found


def test_all_nodes_are_there(comfy: ComfyUI):
    missing = NODE_IDS - pack_nodes(comfy).keys()
    assert not missing, comfy.log_tail(80)


def test_every_node_says_what_it_does(comfy: ComfyUI):
    for name, info in pack_nodes(comfy).items():
        assert name.startswith("DragAVideo_")
        assert info["category"].startswith("Drag-A-Video")
        assert info["display_name"] and info["display_name"] != name
        assert len(info["description"]) > 20, name


def test_every_input_and_output_has_a_tooltip(comfy: ComfyUI):
    bare = []
    for name, info in pack_nodes(comfy).items():
        for section in ("required", "optional"):
            for input_name, (_, *options) in info["input"].get(section, {}).items():
                if not (options and options[0].get("tooltip")):
                    bare.append(f"{name}.{input_name}")
        bare += [
            f"{name} -> {out}" for out, tip in zip(info["output_name"], info.get("output_tooltips") or [], strict=False) if not tip
        ]
    assert bare == []


def test_workflows_are_listed_and_their_thumbnails_served(comfy: ComfyUI):
    assert WORKFLOWS
    listed = comfy.get("/workflow_templates").json()
    assert sorted(listed[PACK_FOLDER]) == sorted(path.stem for path in WORKFLOWS)
    for path in WORKFLOWS:
        served = comfy.get(f"/api/workflow_templates/{PACK_FOLDER}/{path.name}")
        assert served.json() == json.loads(path.read_text(encoding="utf-8"))
        thumbnail = Image.open(io.BytesIO(comfy.get(f"/api/workflow_templates/{PACK_FOLDER}/{path.stem}.jpg").content))
        assert thumbnail.format == "JPEG" and min(thumbnail.size) >= 100


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_use_only_core_nodes_beside_ours(comfy: ComfyUI, path):
    info = comfy.object_info()
    graph = ui_to_api(json.loads(path.read_text(encoding="utf-8")), info)
    modules = {info[node["class_type"]]["python_module"] for node in graph.values()}
    own = {module for module in modules if module.endswith(PACK_FOLDER)}
    assert own and all(module.split(".")[0] in ("nodes", "comfy_extras") for module in modules - own)


def test_javascript_is_served(comfy: ComfyUI):
    """Every module that the page loads by itself is found; the page's own tests run it."""
    listed = [path for path in comfy.get("/extensions").json() if f"/{PACK_FOLDER}/" in path]
    assert len(listed) == len(list((ROOT / "js").rglob("*.js")))
    for path in listed:
        assert comfy.get(path).headers["Content-Type"].startswith(("text/javascript", "application/javascript"))


SHADOWS = """
import asyncio, json, os, sys
link = sys.argv[1]
sys.argv = ["main.py", "--cpu"]
import comfy.options
comfy.options.enable_args_parsing()
import utils.extra_config  # before nodes puts a folder with another `utils` in front, as in main.py
import execution, folder_paths, nodes, server
before, comfyui, pack = dict(sys.modules), os.getcwd(), os.path.realpath(link)
assert asyncio.run(nodes.load_custom_node(link)), "the pack was not loaded"
def lies_in(module, *folders):
    return os.path.realpath(getattr(module, "__file__", None) or "/").startswith(folders)
ours = tuple(os.path.join(pack, name) for name in ("__init__.py", "nodes/", "dragvideo_core/"))
prefix = link.replace(".", "_x_")
print(json.dumps({
    "replaced": [n for n, module in before.items() if lies_in(module, comfyui) and sys.modules.get(n) is not module],
    "plain names": [n for n, module in sys.modules.items() if lies_in(module, *ours) and not n.startswith(prefix)],
    "path": [folder for folder in sys.path if os.path.realpath(folder) == pack],
}))
"""


def test_no_module_of_comfyui_is_shadowed(tmp_path):
    """Loads the pack as ComfyUI does: no module is replaced, none of ours gets a plain name, `sys.path` stays."""
    link = tmp_path / PACK_FOLDER
    link.symlink_to(ROOT, target_is_directory=True)
    done = subprocess.run([sys.executable, "-c", SHADOWS, str(link)], cwd=source.get(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"replaced": [], "plain names": [], "path": []}


def test_comfyui_greets_without_an_error(comfy: ComfyUI):
    """`make install` brings all that this ComfyUI asks for."""
    greeting = comfy.log_file.read_text(errors="replace").split("To see the GUI go to")[0]
    assert not re.findall(r"ERROR|Traceback|IMPORT FAILED|.*missing.*|.*not installed.*", greeting)
