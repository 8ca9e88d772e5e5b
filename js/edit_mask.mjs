/**
 * The edit mask where nobody painted one: what lies near the drags, and the thing near the
 * handles where its layer is known. dragvideo_core/points/edit_mask.py written again, held to the same numbers by tests. No DOM.
 */

import { roundHalfEven } from "./geometry.mjs";
import { isPin } from "./points_state.mjs";
import { eachRun, maskOf, pieceOf, reachesBorder, squared, widened, without } from "./regions.mjs";

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

/**
 * A mask of `aroundDrags` with what the thing covers near the handles and the ends that hang on it alone, a rim, and all that
 * they come over on their way; and, where the thing goes on beyond, the ground so far around as the drags are long.
 */
function takingIn(mask, thing, pairs, size) {
  const drags = pairs.filter((pair) => !isPin(pair));
  if (!thing || !thing.includes(0) || drags.length === 0) return mask;
  const taken = mask.slice();
  const swept = new Uint8Array(mask.length);
  for (const pair of drags) add(swept, sweptBy(partNear(thing, pair, size), pair, size));
  add(taken, swept);
  const { ends, goesOn } = endsOf(thing, taken, pairs.filter(isPin), size);
  for (const pair of drags) add(swept, sweptBy(ends, pair, size));
  add(taken, swept);
  if (!goesOn) return taken;
  const longest = Math.max(...drags.flatMap((pair) => wayOf(pair).map(Math.abs)));
  const held = widened(without(thing, taken), roundHalfEven(BESIDE * Math.min(...size)), size);
  add(taken, without(squared(swept, longest, size), held));
  return taken;
}

function add(mask, other) {
  for (let at = 0; at < mask.length; at++) mask[at] |= other[at];
}

/** Where a pair's handle goes, in whole pixels. */
function wayOf({ handle, target }) {
  return [0, 1].map((axis) => roundHalfEven(target[axis] - handle[axis]));
}

/** A part with a rim, and all that it comes over on a pair's way. */
function sweptBy(part, pair, size) {
  const beside = roundHalfEven(BESIDE * Math.min(...size));
  return strides(wayOf(pair), beside).reduce((swept, stride) => alsoMoved(swept, stride, size), widened(part, beside, size));
}

/** The pieces of the thing that hang on what is taken of it and do not hold it, and whether others do: `_Beyond` of the core. */
function endsOf(thing, taken, pins, size) {
  const [width, height] = size;
  const whole = thing.slice();
  const hanging = new Uint8Array(thing.length);
  let held = 0;
  for (let first = whole.indexOf(1); first >= 0; first = whole.indexOf(1, first)) {
    const piece = pieceOf(whole, first, size);
    const inside = piece.filter((at) => taken[at]).length;
    held += inside;
    if (inside > 0) for (const at of piece) hanging[at] = 1 - taken[at];
  }
  const pinned = pins.map(({ handle: [x, y] }) => {
    const [column, row] = [Math.min(Math.max(roundHalfEven(x), 0), width - 1), Math.min(Math.max(roundHalfEven(y), 0), height - 1)];
    return row * width + column;
  });
  const pieces = [];
  for (let first = hanging.indexOf(1); first >= 0; first = hanging.indexOf(1, first)) pieces.push(pieceOf(hanging, first, size));
  pieces.sort((one, other) => other.length - one.length);
  const holds = pieces.map(
    (piece) => piece.length > held || piece.some((at) => reachesBorder(at, size) || pinned.includes(at)),
  );
  const isUnsure = pieces.length > 1 && pieces[1].length >= pieces[0].length / 2;
  if (pieces.length > 0 && !holds.includes(true) && !isUnsure) holds[0] = true;
  const ends = new Uint8Array(thing.length);
  pieces.forEach((piece, number) => {
    if (!holds[number]) for (const at of piece) ends[at] = 1;
  });
  return { ends, goesOn: holds.includes(true) };
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
        if (Math.sqrt(across * across + down * down) <= reach) mask[row * width + column] = 1; // hypot is slow
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
