"""`python -m host demo` (what `make demo` does), `demo_film` (`make demo-film`) and `serve` (`make comfyui`); run in `tests/`."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys

from host import demo
from host.comfyui import ROOT, ComfyUI, HostError
from host.source import NoComfyUI

LEFT_OUT = {
    "torchaudio": "its audio nodes",
    "comfyui_workflow_templates": "its own templates",
    "comfyui_embedded_docs": "its own help",
}


def serve() -> None:
    """Keep a server open until Ctrl-C, its log in the terminal; its files stay in `output/comfyui`."""
    comfy = ComfyUI(base=ROOT / "output" / "comfyui", port=int(os.environ.get("PORT", 0)), show_log=True)
    with comfy:
        print(about_the_errors())
        print(f"\nComfyUI with Drag-A-Video: {comfy.url}\nIts files: {comfy.base}\nCtrl-C ends it.\n", flush=True)
        status = comfy.process.wait()
    raise HostError(f"ComfyUI ended with status {status}.")


def about_the_errors() -> str:
    """What ComfyUI has just called errors, if it is only about packages that `make install` leaves out; else nothing."""
    missing = [f"{name} (for {what})" for name, what in LEFT_OUT.items() if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return (
        f"\nAll is well. What ComfyUI calls errors above is that these of its packages are not installed: {', '.join(missing)}. "
        "They are large, and Drag-A-Video does not use them."
    )


def film() -> None:
    """The demo on a film. Only this one imports the core, so only this one needs the repository's root on the path."""
    from host import demo_film

    demo_film.main()


def main(arguments: list[str]) -> int:
    """Do what the one argument says; returns the exit status."""
    commands = {"demo": demo.main, "demo_film": film, "serve": serve}
    if len(arguments) != 1 or arguments[0] not in commands:
        print(f"usage: python -m host {'|'.join(commands)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped on the way out
    try:
        commands[arguments[0]]()
    except KeyboardInterrupt:
        return 130
    except (HostError, NoComfyUI) as fault:
        print(f"\nfailed: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
