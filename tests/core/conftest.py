"""A video that several test files load."""

import pytest

from . import video_corpus as corpus


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """24 flat grey frames, 30 per second"""
    return corpus.write(tmp_path_factory.mktemp("load") / "plain.mp4", corpus.grey_frames(24))
