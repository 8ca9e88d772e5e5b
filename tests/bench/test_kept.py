"""A benchmark that was stopped goes on where it was, and nothing old is taken for new."""

from __future__ import annotations

import pytest
import torch
from bench import kept


def test_a_question_is_worked_out_once_and_anew_when_the_code_has_changed(tmp_path, monkeypatch):
    asked = []

    def work_out():
        asked.append(1)
        return [{"clip": "a", "value": float(len(asked)), "none": None}], [("label", [torch.ones(3, 2, 2)])], ["edit"]

    first = kept.kept(tmp_path, "a clip", work_out)
    again = kept.kept(tmp_path, "a clip", work_out)
    assert again[0] == first[0] and torch.equal(again[1][0][1][0], first[1][0][1][0]) and len(asked) == 1
    kept.kept(tmp_path, "another clip", work_out)
    monkeypatch.setattr(kept, "code", lambda: "other code")
    kept.kept(tmp_path, "a clip", work_out)
    assert len(asked) == 3


def test_what_was_stopped_while_it_was_written_is_worked_out_again(tmp_path, monkeypatch):
    def stopped(answer, file):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", stopped)
        with pytest.raises(KeyboardInterrupt):
            kept.kept(tmp_path, "a clip", lambda: 1.0)
    assert kept.kept(tmp_path, "a clip", lambda: 2.0) == 2.0
