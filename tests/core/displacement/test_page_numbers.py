"""The live preview of the page bends the core's mesh: the numbers that its tests are held to are today's."""

from js import mesh_numbers


def test_the_page_is_held_to_the_numbers_of_today():
    assert mesh_numbers.FILE.read_text() == mesh_numbers.text(), "renew it: python -m js.mesh_numbers in tests/"
