"""The edit without ComfyUI: `python -m dragvideo_core run JOB.json` (docs/headless.md)."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor
from tqdm import tqdm

from .group import started_by_torchrun
from .job import Report, run_job
from .job_file import read_job
from .types import UserError
from .warning import warnings_go_to

REFUSED, STOPPED = 1, 130  # exit status; argparse's own is 2
APART = 0.1  # seconds between two lines of progress, at least


class Bars:
    """For people: a bar for each stage, on standard error; the result on standard output."""

    def __init__(self) -> None:
        self._bar: tqdm | None = None

    def stage(self, name: str) -> None:
        self._close()
        self._bar = tqdm(
            desc=f"{name:10}", file=sys.stderr, total=0, bar_format="{desc} {percentage:3.0f}% |{bar}| {n}/{total} {remaining} left"
        )

    def progress(self, done: int, total: int, picture: Callable[[], Tensor] | None) -> None:
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(done - self._bar.n)

    def warning(self, text: str) -> None:
        tqdm.write(f"warning: {text}", file=sys.stderr)

    def finished(self, report: Report, seconds: float) -> None:
        self._close()
        for name, score in (report.scores or {}).items():
            print(f"{name}: {score.value:.4g} {score.unit}".rstrip())
        print(f"{report.path}: {report.frames} frames in {seconds:.0f} s")

    def failed(self, text: str) -> None:
        self._close()
        print(text, file=sys.stderr)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class Lines:
    """For programs: one JSON object a line on standard output."""

    def __init__(self) -> None:
        self._stage, self._at = "", 0.0

    def stage(self, name: str) -> None:
        self._stage, self._at = name, 0.0
        self._say(event="stage", stage=name)

    def progress(self, done: int, total: int, picture: Callable[[], Tensor] | None) -> None:
        if done == total or time.monotonic() - self._at >= APART:
            self._at = time.monotonic()
            self._say(event="progress", stage=self._stage, done=done, total=total)

    def warning(self, text: str) -> None:
        self._say(event="warning", text=text)

    def finished(self, report: Report, seconds: float) -> None:
        scores = {name: score.value for name, score in (report.scores or {}).items()}
        self._say(event="finished", output=str(report.path), frames=report.frames, seconds=round(seconds, 3), scores=scores)

    def failed(self, text: str) -> None:
        self._say(event="failed", text=text)

    def _say(self, **fields: Any) -> None:
        print(json.dumps(fields), flush=True)


class Quiet:
    """For a rank of a group that is not the first: it says only why it failed."""

    def stage(self, name: str) -> None:
        pass

    def progress(self, done: int, total: int, picture: Callable[[], Tensor] | None) -> None:
        pass

    def warning(self, text: str) -> None:
        pass

    def failed(self, text: str) -> None:
        print(text, file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status."""
    options = _options(arguments)
    out: Bars | Lines | Quiet = Lines() if options.json else Bars()
    before = signal.signal(signal.SIGTERM, _stop)  # a farm's way to say Ctrl-C
    began = time.monotonic()
    try:
        group = started_by_torchrun(lambda text: _end_at_once(out, text))
        out = out if group.is_first else Quiet()
        with warnings_go_to(out.warning):
            job = read_job(options.job)
            if options.output is not None:
                job = replace(job, output=options.output.resolve())
            report = run_job(job, options.overwrite, out.stage, out.progress, group)
    except UserError as error:
        out.failed(str(error))
        return REFUSED
    except KeyboardInterrupt:
        out.failed("stopped: no film was written. Run the job again to go on.")
        return STOPPED
    finally:
        signal.signal(signal.SIGTERM, before)
    if report is not None and not isinstance(out, Quiet):
        out.finished(report, time.monotonic() - began)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dragvideo_core", description="Edit a video without ComfyUI.")
    run = parser.add_subparsers(dest="command", required=True).add_parser("run", help="make the edit of a job file")
    run.add_argument("job", type=Path, metavar="JOB.json")
    run.add_argument("--output", type=Path, metavar="FILE", help="in the place of the job's output, anywhere")
    run.add_argument("--overwrite", action="store_true", help="replace the output if it is there")
    run.add_argument("--json", action="store_true", help="progress and result as JSON lines on standard output")
    return parser.parse_args(arguments)


def _end_at_once(out: Bars | Lines | Quiet, text: str) -> None:
    """Ends the process from another thread, while the main one waits for a rank that is lost. What the next run goes on from is on
    disk."""
    out.failed(text)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(REFUSED)


def _stop(number: int, frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
