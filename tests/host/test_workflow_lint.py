"""`comfy-lint` on the API form of every bundled workflow, against the definitions of a real server."""

import json
import subprocess

import pytest

from host import source
from host.comfyui import ROOT, ComfyUI
from host.ui_to_api import ui_to_api

TOOL = source.CACHE / "lint" / "bin" / "comfy-lint"
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))


def without_unions(info):
    """The definitions with inputs of several types ("IMAGE,VIDEO") open to any: comfy-lint does not know such inputs."""
    for node in info.values():
        for section in node["input"].values():
            for definition in section.values():
                if isinstance(definition, list) and isinstance(definition[0], str) and "," in definition[0]:
                    definition[0] = "*"
    return info


FILES = {
    "ckpt_name",
    "unet_name",
    "clip_name",
    "vae_name",
    "lora_name",
    "file",
    "image",
}  # inputs that name a file which each user has to choose


def with_files(info, graph):
    """The definitions as on a machine that has the files which the graph names."""
    for node in graph.values():
        for section in info[node["class_type"]]["input"].values():
            for name in FILES & section.keys() & node["inputs"].keys():
                kind, options = section[name][0], section[name][1] if len(section[name]) > 1 else {}
                (kind if isinstance(kind, list) else options.get("options", [])).append(node["inputs"][name])
    return info


@pytest.mark.lint
@pytest.mark.skipif(not TOOL.exists(), reason="comfy-lint is not installed: `make test` installs it into .cache/lint")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_comfy_lint(comfy: ComfyUI, tmp_path, path):
    info = comfy.object_info()
    graph = ui_to_api(json.loads(path.read_text(encoding="utf-8")), info)
    (tmp_path / "graph.json").write_text(json.dumps(graph))
    (tmp_path / "object_info.json").write_text(json.dumps(without_unions(with_files(info, graph))))
    command = [TOOL, "--schema-cache", tmp_path / "object_info.json", "--strict", tmp_path / "graph.json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
