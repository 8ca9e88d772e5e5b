/**
 * Strokes: painted roughly over the thing that is dragged and over the ground, from which the run finds the thing's
 * layer. Plain data, no DOM, nothing changed in place:
 *
 *   [{ kind: "thing" | "ground", radius, points: [[x, y], ...] }]
 *
 * `radius` is half the brush's width. Points and radius are pixels of the frame.
 */

import { clampPoint, rescalePoint } from "./geometry.mjs";

export const KINDS = ["thing", "ground"];
/** As many as the run takes. */
export const MOST_STROKES = 200;
const MOST_STROKE_POINTS = 500;

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isPoint = (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber);

function isStroke(value) {
  const { kind, radius, points } = value ?? {};
  if (!KINDS.includes(kind) || !isNumber(radius) || radius <= 0) return false;
  return Array.isArray(points) && points.length > 0 && points.length <= MOST_STROKE_POINTS && points.every(isPoint);
}

/** Why a parsed JSON value is no list of strokes: the end of a sentence, or null if it is one. */
export function strokesFault(value) {
  if (!Array.isArray(value) || !value.every(isStroke))
    return 'its "strokes" are not a list of {"kind": "thing" or "ground", "radius", "points": [[x, y]]}';
  return value.length > MOST_STROKES ? `it has more than ${MOST_STROKES} strokes` : null;
}

export const copyStrokes = (strokes) =>
  strokes.map(({ kind, radius, points }) => ({ kind, radius, points: points.map((point) => [...point]) }));

/** One more stroke along `points`, in pieces where it is long, as long as there may be more. */
export function withStroke(strokes, kind, radius, points, size) {
  const inside = points.map((point) => clampPoint(point, size));
  const pieces = [];
  for (let start = 0; start === 0 || start + 1 < inside.length; start += MOST_STROKE_POINTS - 1)
    pieces.push({ kind, radius, points: inside.slice(start, start + MOST_STROKE_POINTS) }); // each goes on from the last
  return [...strokes, ...pieces].slice(0, MOST_STROKES);
}

/** The strokes without what lies within `reach` of `point`; one that is cut through becomes two. All kept: the same list. */
export function withoutNear(strokes, [x, y], reach) {
  const isNear = (radius) => (point) => Math.hypot(point[0] - x, point[1] - y) <= reach + radius / 2;
  const left = strokes.flatMap((stroke) => {
    const isGone = stroke.points.map(isNear(stroke.radius));
    if (!isGone.includes(true)) return [stroke];
    return runs(stroke.points, isGone).map((points) => ({ ...stroke, points }));
  });
  const isSame = left.length === strokes.length && left.every((stroke, index) => stroke === strokes[index]);
  return isSame ? strokes : left.slice(0, MOST_STROKES);
}

/** The stretches of `points` that are not gone. */
function runs(points, isGone) {
  const found = [];
  points.forEach((point, index) => {
    if (isGone[index]) return;
    if (index === 0 || isGone[index - 1]) found.push([]);
    found[found.length - 1].push(point);
  });
  return found;
}

/** The same strokes in a frame of another size (both [W, H]): places and widths keep their share of it. */
export function rescaleStrokes(strokes, from, to) {
  const scale = Math.min(...to) / Math.min(...from);
  return strokes.map(({ kind, radius, points }) => ({
    kind,
    radius: radius * scale,
    points: points.map((point) => rescalePoint(point, from, to)),
  }));
}
