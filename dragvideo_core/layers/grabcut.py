"""GrabCut (Rother, Kolmogorov and Blake 2004): the thing and the ground as two mixtures of colours, parted by a minimal cut.

OpenCV's. Its five colours on each side are learned from what is certain and from a first guess, and learned again after
each cut. The guess decides a lot: colours that are on the wrong side in the first round tend to stay there.
"""

from __future__ import annotations

import numpy as np

from .pixels import Coverage, Picture, Region, box_of, opencv, resized

WORKING = (
    256  # px, short side of the picture in which the cut is made: at twice this a cut takes four times as long, and is no better
)
LARGEST = 2  # times: a small picture is enlarged by no more
MARGIN = 0.25  # of the box of what may be the thing, around it: the ground's colours are learned there
LEAST = 16  # px on each side without which there are no colours to learn


def cut(picture: Picture, thing: Region, ground: Region, guess: Region, rounds: int) -> Coverage:
    """Which part of each pixel is the thing: (H, W), what is certain as it is.

    thing, ground: (H, W), certain; the ground wins where both claim a pixel. guess: (H, W), where the thing is taken to be at
    first among what is not certain. With too few pixels on a side the guess is the answer.
    """
    cv2 = opencv()
    size = picture.shape[:2]
    answer = ((thing | guess) & ~ground).astype(np.float32)
    rows, columns = box_of(~ground, MARGIN)
    part = picture[rows, columns]
    scale = min(WORKING / min(size), LARGEST)
    small = max(2, round(part.shape[0] * scale)), max(2, round(part.shape[1] * scale))
    labels = np.where(resized(guess[rows, columns], small), cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    labels[resized(thing[rows, columns], small)] = cv2.GC_FGD
    labels[resized(ground[rows, columns], small)] = cv2.GC_BGD
    count = np.bincount(labels.ravel(), minlength=4)
    if count[cv2.GC_FGD] + count[cv2.GC_PR_FGD] < LEAST or count[cv2.GC_BGD] + count[cv2.GC_PR_BGD] < LEAST:
        return answer
    cv2.setRNGSeed(0)  # the mixtures start from random picks: the same picture gives the same layer
    cv2.grabCut(resized(part, small), labels, None, np.zeros((1, 65)), np.zeros((1, 65)), rounds, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    answer[rows, columns] = resized(inside, part.shape[:2])
    answer[thing] = 1
    answer[ground] = 0
    return answer
