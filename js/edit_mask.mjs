/**
 * The edit mask where nobody painted one: what lies near the drags. dragvideo_core/points/edit_mask.py written again,
 * held to the same numbers by tests. No DOM.
 */

import { isPin } from "./points_state.mjs";
import { maskOf } from "./regions.mjs";

const REACH = 1.5; // lengths of the drag
const [NEAREST, FARTHEST] = [0.1, 0.35]; // of the shorter side

/** How far around the way from handle to target the picture may change, px. */
export function reachOf({ handle, target }, size) {
  const short = Math.min(...size);
  const length = Math.hypot(target[0] - handle[0], target[1] - handle[1]);
  return Math.min(Math.max(REACH * length, NEAREST * short), FARTHEST * short);
}

/** Where the picture may change, as a mask (regions.mjs): inside the painted squares, or near the drags. */
export function editMask({ mask_points, pairs, size }, radius) {
  return mask_points.length > 0 ? maskOf(mask_points, radius, size) : aroundDrags(pairs, size);
}

/** All that is nearer to some arrow than its reach. */
export function aroundDrags(pairs, [width, height]) {
  const mask = new Uint8Array(width * height);
  for (const pair of pairs) {
    if (isPin(pair)) continue;
    const { handle, target } = pair;
    const reach = reachOf(pair, [width, height]);
    const [dx, dy] = [target[0] - handle[0], target[1] - handle[1]];
    const length2 = dx * dx + dy * dy;
    const [left, right] = spanOf(handle[0], target[0], reach, width);
    const [top, bottom] = spanOf(handle[1], target[1], reach, height);
    for (let row = top; row <= bottom; row++)
      for (let column = left; column <= right; column++) {
        const [x, y] = [column - handle[0], row - handle[1]];
        const share = Math.min(Math.max((x * dx + y * dy) / length2, 0), 1);
        const [across, down] = [x - share * dx, y - share * dy];
        if (Math.sqrt(across * across + down * down) <= reach) mask[row * width + column] = 1; // hypot takes ten times as long
      }
  }
  return mask;
}

/** The first and the last pixel along one axis that are near enough to either end. */
function spanOf(from, to, reach, side) {
  return [
    Math.max(0, Math.floor(Math.min(from, to) - reach)),
    Math.min(side - 1, Math.ceil(Math.max(from, to) + reach)),
  ];
}
