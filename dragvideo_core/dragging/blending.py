"""Where an edit shows the displaced pixels of the clip and where the model's, with no seam between them (ours).

What moved as a piece keeps its own pixels: the model would only paint them softer. The model has the word where nothing better is
known: on freed ground that no other frame shows, and where the thing is stretched so much that its pixels tell no more.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..types import Displacement, size_of

NEAR = 2  # px: so near to the thing, or to where it was, its edge may still be mixed into the ground
MOST_STRETCH = 2.5  # times as long: beyond it pixels are smears


def painted(displaced: Displacement) -> Tensor:
    """(N, 1, H, W) bool: where the model has the word."""
    return (displaced.freed & ~displaced.shown_elsewhere) | is_stretched(displaced)


def is_stretched(displaced: Displacement) -> Tensor:
    """(N, 1, H, W) bool: the thing where it is so long that its pixels tell no more."""
    return (displaced.stretch > MOST_STRETCH) & (displaced.matte > 0.5)


def is_ground(displaced: Displacement) -> Tensor:
    """(N, 1, H, W) bool: pixels that show the ground as it is filmed, some way from the thing and from where it was."""
    thing = torch.maximum(displaced.matte, displaced.freed.to(displaced.matte.dtype))
    return functional.max_pool2d(thing, 2 * NEAR + 1, stride=1, padding=NEAR) <= 0.02


def blended(kept: Tensor, made: Tensor, where: Tensor, trusted: Tensor, feather: float) -> Tensor:
    """Pictures (N, 3, H, W): `made` where it is asked for (N, 1, H, W) bool, `kept` elsewhere, fading over `feather` px inside.

    What differs in brightness and colour on the trusted pixels (N, 1, H, W) bool around a region is taken off the region
    smoothly. Only ground is to be trusted: along the edges of the thing the model's picture is softer, which is no brightness.
    """
    if not bool(where.any()):
        return kept
    difference = continued(kept - made, trusted & ~where)
    weight = faded(where, feather)
    return torch.where(where, kept + weight * (made + difference - kept), kept).clamp(0, 1)


def continued(values: Tensor, known: Tensor) -> Tensor:
    """Values (N, C, H, W), continued smoothly from where they are known (N, 1, H, W) bool to where they are not.

    By means over larger and larger squares: each unknown pixel gets the mean of the smallest that holds something known.
    """
    weight = known.to(values.dtype)
    return torch.where(known, values, _pulled(values * weight, weight))


def _pulled(sums: Tensor, weight: Tensor) -> Tensor:
    """One level of the pyramid: what is known here, and else what the coarser level says."""
    mean = sums / weight.clamp(min=1e-6)
    if min(size_of(sums)) <= 1:
        return mean
    coarser = _pulled(*(functional.avg_pool2d(part, 2, ceil_mode=True) for part in (sums, weight.clamp(max=1.0))))
    there = functional.interpolate(coarser, size=sums.shape[-2:], mode="bilinear", align_corners=False)
    return torch.lerp(there, mean, weight.clamp(max=1.0))


def faded(where: Tensor, feather: float) -> Tensor:
    """The region (N, 1, H, W) bool as weights: 0 outside, rising to 1 over `feather` px inside its edge."""
    width = max(1, round(feather))
    padded = functional.pad(where.float(), [width] * 4, mode="replicate")
    shrunk = -functional.max_pool2d(-padded, 2 * (width // 2) + 1, stride=1)  # eroded by half the feather
    blurred = functional.avg_pool2d(shrunk, 2 * (width // 2) + 1, stride=1)
    spare = (blurred.shape[-1] - where.shape[-1]) // 2
    height, breadth = size_of(where)
    return blurred[..., spare : spare + height, spare : spare + breadth] * where
