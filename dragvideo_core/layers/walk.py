"""The thing and the ground parted by random walks on a picture (Grady 2005, "Multilabel random walker image segmentation using
prior models"): how likely a walk from each pixel comes to the thing before it comes to the ground.

A walk goes easily between pixels of like colours, and hardly over an edge. Odds pull it to one of the two from everywhere.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from .pixels import Coverage, Region

EDGE = 60.0  # squared difference of colour, CIE Lab, over which a walk goes 1 / e as often
LEAK = 0.002  # over any edge
PULL = 0.03  # of odds of 1, beside a step to a pixel of the same colour
ROUNDS = 150  # of the conjugate gradients


class Walk:
    """A picture's pixels as walks see them: those that are known, and the steps between the others."""

    def __init__(self, colours: np.ndarray, known: Region, thing: Region):
        """colours: (H, W, 3), CIE Lab; known, thing: (H, W), which of the pixels are known, and which of these are the thing."""
        self._free, self._thing = ~known, thing & known
        count = int(self._free.sum())
        number = np.full(known.shape, -1)
        number[self._free] = np.arange(count)
        self._leaves, self._arrives, steps = np.zeros(count), np.zeros(count), []
        height, width = known.shape
        for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
            one = slice(0, height - down), slice(max(0, -right), width - max(0, right))
            other = slice(down, height), slice(max(0, right), width + min(0, right))
            gap = ((colours[one] - colours[other]) ** 2).sum(-1)
            ease = ((np.exp(-gap / EDGE) + LEAK) / np.hypot(down, right)).astype(np.float64)
            for first, second in ((one, other), (other, one)):
                here, there = number[first], number[second]
                is_free, is_inner = here >= 0, (here >= 0) & (there >= 0)
                self._leaves += np.bincount(here[is_free], ease[is_free], count)
                self._arrives += np.bincount(here[is_free], (ease * self._thing[second])[is_free], count)
                steps.append((ease[is_inner], here[is_inner], there[is_inner]))
        eases, rows, columns = (np.concatenate(part) for part in zip(*steps, strict=True))
        self._steps = sparse.csr_matrix((eases, (rows, columns)), (count, count))

    def to_thing(self, odds: np.ndarray, start: Coverage) -> Coverage:
        """(H, W): the share of walks that come to the thing. odds: (H, W), above 0 for the thing; start: (H, W), a first guess."""
        pull = odds[self._free].astype(np.float64)
        leaves = self._leaves + PULL * np.abs(pull) + 1e-5
        arrives = self._arrives + PULL * pull.clip(0) + 0.5e-5
        system, ready = sparse.diags(leaves) - self._steps, sparse.diags(1 / leaves)
        share, _ = linalg.cg(system, arrives, start[self._free].astype(np.float64), maxiter=ROUNDS, M=ready)
        answer = self._thing.astype(np.float32)
        answer[self._free] = share.clip(0, 1)
        return answer
