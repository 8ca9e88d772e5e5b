/**
 * The edit mask where nobody painted one: what lies near the drags, and the thing near the
 * handles where its layer is known. dragvideo_core/points/edit_mask.py written again, held to the same numbers by tests. No DOM.
 */

import { roundHalfEven } from "./geometry.mjs";
import { isPin } from "./points_state.mjs";
import { eachRun, maskOf, widened } from "./regions.mjs";

const REACH = 1.5; // lengths of the drag
const [NEAREST, FARTHEST] = [0.1, 0.35]; // of the shorter side
const OF_LAYER = 1.5; // reaches: so near to its handle the layer is taken in
const BESIDE = 1 / 32; // of the shorter side: so much around what is taken in

/** How far around the way from handle to target the picture may change, px. */
export function reachOf({ handle, target }, size) {
  const short = Math.min(...size);
  const length = Math.hypot(target[0] - handle[0], target[1] - handle[1]);
  return Math.min(Math.max(REACH * length, NEAREST * short), FARTHEST * short);
}

/**
 * Where the picture may change, as a mask (regions.mjs): inside the painted squares, or near the drags. `thing`: what the
 * layer covers, as a mask, or null where none is known.
 */
export function editMask({ mask_points, pairs, size }, radius, thing = null) {
  if (mask_points.length > 0) return maskOf(mask_points, radius, size);
  return takingIn(aroundDrags(pairs, size), thing, pairs, size);
}

/** A mask of `aroundDrags` with what the thing covers near the handles, a rim, and all that it comes over on its way. */
export function takingIn(mask, thing, pairs, size) {
  if (!thing || !thing.includes(0)) return mask;
  const beside = roundHalfEven(BESIDE * Math.min(...size));
  const taken = mask.slice();
  for (const pair of pairs) {
    if (isPin(pair)) continue;
    let swept = widened(partNear(thing, pair, size), beside, size);
    const way = [0, 1].map((axis) => roundHalfEven(pair.target[axis] - pair.handle[axis]));
    for (const stride of strides(way, beside)) swept = alsoMoved(swept, stride, size);
    eachRun(swept, size[0], (row, from, to) => taken.fill(1, row * size[0] + from, row * size[0] + to));
  }
  return taken;
}

/**
 * Moves whose sum is `[right, down]`: each is half of what is left, the last one all of it, at most `longest` px along an axis.
 * What is laid over itself after each of them has been everywhere on the way, in steps no longer than the last.
 */
function strides([right, down], longest) {
  const found = [];
  while (Math.max(Math.abs(right), Math.abs(down)) > Math.max(1, longest)) {
    found.push([roundHalfEven(right / 2), roundHalfEven(down / 2)]);
    right -= found.at(-1)[0];
    down -= found.at(-1)[1];
  }
  return [...found, [right, down]];
}

/** A mask together with itself moved by whole pixels. */
function alsoMoved(mask, [right, down], [width, height]) {
  const both = mask.slice();
  eachRun(mask, width, (row, from, to) => {
    const [start, left, end] = [(row + down) * width, Math.max(0, from + right), Math.min(width, to + right)];
    if (row + down >= 0 && row + down < height && left < end) both.fill(1, start + left, start + end);
  });
  return both;
}

/** What of the thing lies near the handle. */
function partNear(thing, pair, size) {
  const [width, height] = size;
  const { handle } = pair;
  const reach = OF_LAYER * reachOf(pair, size);
  const part = new Uint8Array(thing.length);
  const [left, right] = spanOf(handle[0], handle[0], reach, width);
  const [top, bottom] = spanOf(handle[1], handle[1], reach, height);
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      const [x, y] = [column - handle[0], row - handle[1]];
      if (thing[row * width + column] && Math.sqrt(x * x + y * y) <= reach) part[row * width + column] = 1;
    }
  return part;
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
