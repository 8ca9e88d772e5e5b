"""The propagation review on the real page: it plays what the run found, and a handle put right by hand is honoured."""

from host.browser import ComfyPage
from host.picker_scenarios import correct_and_run_again


def test_a_handle_put_right_by_hand_is_honoured(page: ComfyPage, renderer: str, artifacts):
    correct_and_run_again(page, 3 if renderer == "classic" else 4, artifacts / f"review_{renderer}.png")
