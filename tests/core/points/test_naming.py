"""How frames and places of a clip are named, by themselves and in a film."""

from dragvideo_core.points.naming import (
    MOST_NAMED,
    WHERE,
    in_film,
    length_of,
    named,
    place_of,
    said_of_whole_film,
    shows_picked_frame,
    warn_of_frames,
)
from dragvideo_core.warning import warnings_go_to


def test_frames_are_counted_from_one_and_many_are_cut_short():
    assert named([0]) == "frame 1"
    assert named([0, 4]) == "frames 1, 5"
    assert named(list(range(MOST_NAMED + 3))).endswith(" 8 and 3 more")


def test_in_a_film_frames_places_and_lengths_are_the_films():
    with in_film(range(10, 20), factor=3, is_first=False):
        assert named([0, 2]) == "frames 11, 13"
        assert place_of(0, 1) == "(1, 4)"  # the middle of the 3 x 3 px of the film
        assert length_of(2.0) == "6 px"
        assert not shows_picked_frame()
    assert (named([0]), place_of(0, 1), length_of(2.0), shows_picked_frame()) == ("frame 1", "(0, 1)", "2 px", True)


def test_frames_that_run_backward_are_named_in_order():
    with in_film(range(9, -1, -1)):
        assert named([0, 1]) == "frames 9, 10"


def test_what_is_wrong_in_several_windows_is_said_once():
    said: list[str] = []
    with warnings_go_to(said.append):
        with said_of_whole_film():
            for first in (0, 4):
                with in_film(range(first, first + 4)):
                    warn_of_frames(f"lost in {WHERE}.", [1, 2, 3])
                    warn_of_frames(f"dark in {WHERE}.", [0] if first == 0 else [])
            assert said == []
        assert said == ["lost in frames 2 to 4, 6 to 8.", "dark in frame 1."]
        warn_of_frames(f"lost in {WHERE}.", [1])
    assert said[-1] == "lost in frame 2."


def test_work_that_is_broken_off_still_says_what_it_saw():
    said: list[str] = []
    try:
        with warnings_go_to(said.append), said_of_whole_film():
            warn_of_frames(f"lost in {WHERE}.", [1])
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert said == ["lost in frame 2."]
