/**
 * What the points stand for in the run: a handle or target is the middle of a square point set, a mask point the middle
 * of a square that may change, the edit mask the union of these squares (Sec. 3.2). No DOM.
 */

import { isInside, pointsAlong } from "./geometry.mjs";
import { isCovered, STEP_IN_RADII } from "./mask_brush.mjs";
import { isPin } from "./points_state.mjs";

/** The frame side at which the propagation settings are given; they scale with the shorter side of the clip. */
const REFERENCE_SIDE = 512;
/** The paper's set of 3 x 3 points, and our readings of its spacing and of the half side of a mask square. */
export const DEFAULT_SETTINGS = { set_side: 3, set_spacing: 8, mask_radius: 28 };

/** Settings as pixels of a frame `size`: `{ side, spacing, radius }`. */
export function inPixels(settings, [width, height]) {
  const scale = Math.min(width, height) / REFERENCE_SIDE;
  return { side: settings.set_side, spacing: settings.set_spacing * scale, radius: settings.mask_radius * scale };
}

/** The side x side points of the set around a centre. */
export function pointSet([x, y], { side, spacing }) {
  const steps = Array.from({ length: side }, (_, index) => (index - (side - 1) / 2) * spacing);
  return steps.flatMap((dy) => steps.map((dx) => [x + dx, y + dy]));
}

/**
 * What will not work in the run: a list of `{ kind, index, text }`, `kind` and `index` naming the point. An empty mask
 * is no fault: then what lies near the drags may change.
 */
export function warnings(picks, pixels) {
  const found = [];
  const warn = (kind, index, text) => found.push({ kind, index, text });
  picks.pairs.forEach((pair, index) => {
    const { handle, target } = pair;
    const name = index + 1;
    if (!isInside(handle, picks.size)) warn("handle", index, `Handle ${name} lies outside the frame: drag it inside.`);
    if (isPin(pair)) return; // it holds its place, in the mask or out of it
    if (!isInside(target, picks.size)) warn("target", index, `Target ${name} lies outside the frame: drag it inside.`);
    else if (picks.mask_points.length > 0 && !isCovered(target, picks.mask_points, pixels.radius))
      warn("target", index, `Target ${name} lies outside the mask: paint the mask there too.`);
  });
  picks.mask_points.forEach((point, index) => {
    if (!isInside(point, picks.size))
      warn("mask", index, `Mask point ${index + 1} lies outside the frame: drag it inside.`);
  });
  return found;
}

/** How far apart painted mask points are put, px. */
export function maskStep(radius) {
  return Math.max(1, radius * STEP_IN_RADII);
}

/** Mask points along every arrow, leaving out what the mask covers already around its middle. */
export function suggestedMask(picks, radius) {
  const step = maskStep(radius);
  const added = [];
  for (const { handle, target } of picks.pairs.filter((pair) => !isPin(pair)))
    for (const point of pointsAlong(handle, target, step))
      if (!isCovered(point, [...picks.mask_points, ...added], radius / 2)) added.push(point);
  return added;
}

/** The rectangle `frame` less the union of `squares`, in horizontal strips. All are [left, top, width, height]. */
export function outsideOf([left, top, width, height], squares) {
  const [right, bottom] = [left + width, top + height];
  const near = squares.filter(([x, y, w, h]) => x < right && x + w > left && y < bottom && y + h > top);
  const inside = (value) => Math.min(Math.max(value, top), bottom);
  const edges = [top, bottom, ...near.flatMap(([, y, , h]) => [inside(y), inside(y + h)])].sort((a, b) => a - b);
  const rectangles = [];
  const add = (from, to, upper, lower) => to > from && rectangles.push([from, upper, to - from, lower - upper]);
  for (let strip = 1; strip < edges.length; strip++) {
    const [upper, lower] = [edges[strip - 1], edges[strip]];
    if (lower <= upper) continue;
    const middle = (upper + lower) / 2;
    const crossed = near.filter(([, y, , h]) => y < middle && middle < y + h).sort((a, b) => a[0] - b[0]);
    let from = left;
    for (const [x, , w] of crossed) {
      add(from, Math.min(x, right), upper, lower);
      from = Math.max(from, x + w);
    }
    add(from, right, upper, lower);
  }
  return rectangles;
}
