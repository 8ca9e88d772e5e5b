"""Runs the unit tests of the browser code under Node's own test runner."""

import subprocess
from pathlib import Path

import playwright

HERE = Path(__file__).resolve().parent
DRIVER = Path(playwright.__file__).parent / "driver"  # its wheel carries a Node: no other has to be installed


def test_the_modules_without_a_page_pass_their_own_tests():
    node = next(DRIVER.glob("node*"))
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    assert files
    run = subprocess.run([str(node), "--test", *files], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout + run.stderr
