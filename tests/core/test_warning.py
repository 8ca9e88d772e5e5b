"""Laws of `warn`: what one piece of work has to say reaches its own listener, and no other."""

import ast
import threading
import warnings
from pathlib import Path

import pytest

from dragvideo_core.warning import warn, warnings_go_to

ROOT = Path(__file__).resolve().parents[2]


def test_two_threads_hear_their_own_warnings_only():
    """Both listen at once, and end in the order in which they began, which a switch of the whole process does not survive."""
    heard: dict[str, list[str]] = {"first": [], "second": []}
    both = threading.Barrier(2, timeout=10)
    before = warnings.showwarning, list(warnings.filters)
    first_is_done = threading.Event()

    def work(name: str) -> None:
        with warnings_go_to(heard[name].append):
            both.wait()
            warn(f"of the {name}")
            both.wait()
            if name == "second":
                first_is_done.wait(10)
                warn("the second goes on")
        first_is_done.set()

    threads = [threading.Thread(target=work, args=(name,)) for name in heard]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert heard == {"first": ["of the first"], "second": ["of the second", "the second goes on"]}
    assert (warnings.showwarning, warnings.filters) == before


def test_what_others_warn_of_meanwhile_is_not_ours():
    texts: list[str] = []
    with warnings_go_to(texts.append), pytest.warns(UserWarning, match="of another library"):
        warnings.warn("of another library", stacklevel=1)
    assert texts == []


def test_without_a_listener_it_is_a_python_warning_of_the_stages_caller():
    def stage() -> None:
        warn("look")

    with pytest.warns(UserWarning, match="look") as caught:
        stage()
    assert caught[0].filename == __file__
    texts: list[str] = []
    with pytest.raises(KeyError), warnings_go_to(texts.append):
        raise KeyError
    with pytest.warns(UserWarning, match="look"):
        warn("look")
    assert texts == []


def test_every_repetition_is_heard():
    texts: list[str] = []
    with warnings_go_to(texts.append):
        for _ in range(3):
            warn("again")
    assert texts == ["again"] * 3


@pytest.mark.parametrize("folder", ["dragvideo_core", "nodes"])
def test_the_pack_warns_by_warn_alone(folder):
    """`warnings.warn` would not reach the node, and catching warnings would catch those of other threads."""
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            if "warnings" in names:
                found.append(path.relative_to(ROOT).as_posix())
    assert found == (["dragvideo_core/warning.py"] if folder == "dragvideo_core" else [])
