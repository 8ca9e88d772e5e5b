"""What came of a drag, in words."""

from __future__ import annotations

from ..types import DragResult


def verdict(edit: DragResult) -> str:
    """Whether the handles have arrived and after how many iterations, by the tracking of Eq. 6; what to do if not."""
    pairs, arrived = len(edit.arrived), int(edit.arrived.sum())
    iterations = edit.rounds[-1].iterations if edit.rounds else len(edit.handle_path) - 1
    left = f"{edit.rounds[-1].left_after:.1f} px of {edit.rounds[-1].left_before:.1f} px are left" if edit.rounds else ""
    after = f"after {iterations} iteration{'' if iterations == 1 else 's'}"
    if iterations == 0:
        return "No iterations were asked for: the edit is the displaced clip. Decode Edit renders it with the model."
    if arrived == pairs:
        return f"{'The handle' if pairs == 1 else f'All {pairs} handles'} arrived {after}{f': {left}' if left else ''}."
    return (
        f"{arrived} of {pairs} handles arrived {after}{f'; {left}' if left else ''}. "
        "Raise 'iterations', or shorten the arrows of those that did not."
    )
