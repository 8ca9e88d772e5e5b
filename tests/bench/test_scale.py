"""The scaling benchmark's functions on tiny models: they run, and give what is documented. No time is asserted."""

import pytest
from bench import scale
from bench.tiny_scale import work

from dragvideo_core.group import ALONE


@pytest.mark.distributed
@pytest.mark.slow
def test_two_processes_make_the_edit_and_say_how_long_they_waited():
    one, two = work(ALONE, "edit"), scale.run(2, work, "edit")
    assert one["waited"] == 0 < min(rank["waited"] for rank in two)
    row = scale.row("2", two)
    assert 0 < row["waiting"] < 1 and set(row["parts"]) == {"invert", "drag", "decode"}
    apart = scale.run(2, work, "half an edit")
    assert [rank["waited"] for rank in apart] == [0, 0] and set(apart[0]["parts"]) == set(row["parts"])


@pytest.mark.distributed
@pytest.mark.slow
def test_what_travels_in_an_iteration_does_not_grow_with_the_frames():
    ranks = scale.run(2, work, "what travels")
    sent = [max(rank[frames]["bytes_per_iteration"] for rank in ranks) for frames in ("8", "16")]
    templates = 4 * 2 * 81 * 16 * 2  # steps, pairs, places, channels, bytes
    assert templates < sent[0] == sent[1] < 3 * templates


def test_the_table_of_made_up_rows():
    parts = {"invert": 1.0, "drag": 2.0, "decode": 1.0}

    def start(size, work, *inputs):
        if work is scale.travelling:
            return [{"frames": inputs[0], "dtype": inputs[1], "bytes_per_iteration": 1.5e6}] * size
        seconds = 3.0 if work is scale.half_an_edit else 5.0 if not seen else 4.0 / size  # the first run of all is a slow one
        seen.append(size)
        return [{"parts": parts, "seconds": seconds, "cpu_seconds": seconds, "waited": 0.1}] * size

    seen = []
    result = scale.bench(4, start, lambda text: None)
    assert [row["processes"] for row in result["rows"]] == ["1", "2", "4", "2 apart"] and result["efficiency_2"] == 1.0
    assert result["apart_2"] == pytest.approx(2 / 3) and result["group_2"] == 1.5
    assert "1.500 MB" in scale.table(result) and "4.00x" in scale.table(result)
