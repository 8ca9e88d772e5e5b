"""The settings of the stage `drag`, where its parts may read them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DragSettings:
    """The numbers are the paper's where it says one; what is ours is marked. `pipeline.Settings.paper()` is the paper alone."""

    steps: tuple[int, ...] = (42, 41, 35, 30)  # the set T of Sec. 4.1, in steps of 50
    learning_rate: float = 0.01  # of Adam without weight decay (Sec. 4.1)
    iterations: int = 60  # at most (Sec. 4.1)
    max_move: float = 3.0  # l of Eq. 6, in cells of the grid at half the picture's resolution
    mask_weight: float = 0.1  # of Eq. 5, DragDiffusion's; 1: the plain sum of Sec. 3.3. With `lock` Eq. 5 is zero at any weight
    patch_radius: int = 1  # of the supervised patch around each point of the set, in cells
    arrive: float = 2.0  # a pair is there when less than this many cells remain (DragDiffusion's)
    lock: bool = True  # hard lock (ours): nothing changes outside the mask
    chained: bool = True  # offsets act as a chain; False: each on its own inverted latent
    moving_average: bool = True  # of the templates (footnote 2); False: the first template stays
    warm_start: bool = True  # ours: start with the parts displaced to their targets; False: with zero offsets, as in the paper
    reach: float = 1.0  # ours: how far a frame's change also serves its neighbours, in (key) frames; 0: not, as in the paper
    key_every: int = 1  # ours: one frame in n is optimised, more where the points move more; the others are served by these
    turns: int = 2  # ours: an iteration works on every n-th (key) frame, on others each time; 1: on all, as in the paper
    chunk: int = 0  # frames at a time; 0: as many as fit into memory
    refine: int = 0  # ours: iterations at most, in the place of `iterations`, when it starts from a layered displacement


DEFAULTS = DragSettings()
