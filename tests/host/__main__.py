"""`python -m host demo` (what `make demo` does), `demo_film` (`make demo-film`) and `serve` (`make comfyui`); run in `tests/`."""

from __future__ import annotations

import os
import signal
import sys

from host import demo
from host.comfyui import ROOT, ComfyUI, HostError
from host.source import NoComfyUI


def serve() -> None:
    """Keep a server open until Ctrl-C, its log in the terminal; its files stay in `output/comfyui`."""
    comfy = ComfyUI(base=ROOT / "output" / "comfyui", port=int(os.environ.get("PORT", 0)), show_log=True)
    with comfy:
        print(f"\nComfyUI with Drag-A-Video: {comfy.url}\nIts files: {comfy.base}\nCtrl-C ends it.\n", flush=True)
        status = comfy.process.wait()
    raise HostError(f"ComfyUI ended with status {status}.")


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
