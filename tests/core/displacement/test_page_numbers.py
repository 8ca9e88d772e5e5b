"""The live preview of the page bends the core's mesh: the numbers that its tests are held to are today's."""

import json

import numpy as np
import pytest

from js import mesh_numbers

SAVED = json.loads(mesh_numbers.FILE.read_text())
NEAR = 0.0011  # the file has three digits


@pytest.mark.parametrize("name", mesh_numbers.CASES)
def test_the_page_is_held_to_the_numbers_of_today(name: str):
    now, saved = json.loads(json.dumps(mesh_numbers.numbers(name))), SAVED["cases"][name]
    assert now.keys() == saved.keys()
    for key, value in now.items():
        if key == "sets":
            assert value == saved[key]
        else:
            assert np.allclose(value, saved[key], rtol=0, atol=NEAR), f"{key}: renew it with python -m js.mesh_numbers in tests/"


def test_the_masks_around_drags_are_those_of_today():
    assert json.loads(json.dumps(mesh_numbers.masks())) == SAVED["masks"]
