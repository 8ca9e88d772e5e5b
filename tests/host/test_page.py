"""The page: it loads without an error from this pack, in both renderers."""

from host.browser import ComfyPage


def test_page_loads_without_an_error_from_the_pack(page: ComfyPage):
    """Also warms up what the other browser tests need."""
    assert page.page.title()
    assert page.errors_from_pack() == []
