"""The benchmark of a shared film on a tiny one: it runs, and counts what each process does. No time is asserted."""

from pathlib import Path

import pytest
from bench import film_scale, scale
from core.film_shared import SHORT
from core.test_film_edit import COUNT, pictures, points, read, write


@pytest.mark.distributed
@pytest.mark.slow
def test_what_each_of_two_processes_draws_and_sends_is_counted(tmp_path: Path):
    film, output = write(tmp_path / "film.mkv", pictures()), tmp_path / "out.mkv"
    first, second = scale.run(2, film_scale.whole_film, str(film), points(), str(output), True, SHORT)
    assert first["windows"] + second["windows"] == -(-COUNT // SHORT.window) and min(first["windows"], second["windows"]) > 0
    assert first["following"] > 0 == second["following"] and first["sent_bytes"] > second["sent_bytes"] > 0
    assert len(read(output)) == COUNT
