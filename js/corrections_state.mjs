/**
 * Corrections of propagated handles: what a user dragged to its right place on some frame. Plain data, no DOM.
 *
 *   { size: [W, H] or null, moves: [{ frame, pair, handle: [x, y] }] }
 *
 * `moves` is sorted, at most one for a frame and pair; nothing is changed in place. `handle` is where the middle of the
 * set really is, in pixels of a clip of `size` (null: of the clip, whatever its size, as version 1 has it); propagation
 * goes on from there, away from the frame that the points were picked on. `tracks` is what the node put out when it
 * ran:
 *   { size: [W, H], frame, handles[N][J][S], targets[N][J][S], visible[N][J][S]?, mask_points[N][Q], mask_radius }
 */

import { clampPoint, rescalePoint } from "./geometry.mjs";

export const VERSION = 2;
const OLD_VERSION = 1;
/** A run that put the handle this near has taken the correction in, px. */
const NEAR = 0.75;

/** No corrections yet. */
export const NONE = { size: null, moves: [] };

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isIndex = (value) => Number.isInteger(value) && value >= 0;
const isMove = (move) =>
  isIndex(move?.frame) &&
  isIndex(move?.pair) &&
  Array.isArray(move.handle) &&
  move.handle.length === 2 &&
  move.handle.every(isNumber);

const isSide = (value) => isNumber(value) && value >= 1;
const isSize = (value) => Array.isArray(value) && value.length === 2 && value.every(isSide);

/** Why a parsed JSON value is no corrections object: a sentence, or null if it is one. */
function fault(data) {
  if (data?.version !== VERSION && data?.version !== OLD_VERSION) return `this editor reads version ${VERSION}`;
  if (data.version === VERSION && !isSize(data.size)) return '"size" is not [width, height]';
  if (!Array.isArray(data.moves) || !data.moves.every(isMove))
    return '"moves" is not a list of {"frame", "pair", "handle": [x, y]}';
  return null;
}

/** The widget's text to `{ corrections, problem }`; `problem` is null or a sentence. */
export function parseCorrections(text) {
  if (typeof text !== "string" || text.trim() === "") return { corrections: NONE, problem: null };
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return { corrections: NONE, problem: "The corrections could not be read: it is not JSON." };
  }
  const reason = fault(data);
  if (reason) return { corrections: NONE, problem: `The corrections could not be read: ${reason}.` };
  const moves = data.moves.reduce((all, { frame, pair, handle }) => withMove(all, frame, pair, handle), []);
  return { corrections: { size: data.version === VERSION ? [...data.size] : null, moves }, problem: null };
}

const rounded = (value) => Math.round(value * 100) / 100;

/** Corrections to the widget's text; none is the empty text. */
export function serialiseCorrections({ size, moves }) {
  if (moves.length === 0) return "";
  const places = moves.map(({ frame, pair, handle }) => ({ frame, pair, handle: handle.map(rounded) }));
  return JSON.stringify(size ? { version: VERSION, size, moves: places } : { version: OLD_VERSION, moves: places });
}

/** The same corrections for a clip of another size: each handle keeps its place in the frame. */
export function rescaleCorrections(corrections, size) {
  const from = corrections.size ?? size;
  const placed = (handle) => clampPoint(rescalePoint(handle, from, size), size);
  return { size: [...size], moves: corrections.moves.map((move) => ({ ...move, handle: placed(move.handle) })) };
}

export function moveAt(moves, frame, pair) {
  return moves.find((move) => move.frame === frame && move.pair === pair);
}

export function withMove(moves, frame, pair, handle) {
  const added = [...withoutMove(moves, frame, pair), { frame, pair, handle: [...handle] }];
  return added.sort((a, b) => a.frame - b.frame || a.pair - b.pair);
}

export function withoutMove(moves, frame, pair) {
  return moves.filter((move) => move.frame !== frame || move.pair !== pair);
}

/** The member of a set that stands for it. */
const middleOf = (set) => set[Math.floor(set.length / 2)];

/** The pairs of one frame as the last run left them: `[{ handle, target }]`, the middles of their sets. */
export function pairsOf(tracks, frame) {
  return tracks.handles[frame].map((set, pair) => ({
    handle: middleOf(set),
    target: middleOf(tracks.targets[frame][pair]),
  }));
}

/** Did the run that made these tracks know of the move? */
function isHonoured(tracks, { frame, pair, handle }) {
  const set = tracks.handles[frame]?.[pair];
  if (!set) return false;
  const [x, y] = middleOf(set);
  return Math.hypot(x - handle[0], y - handle[1]) <= NEAR;
}

/** Moves that the next run will take in. */
export function pending(tracks, moves) {
  return moves.filter((move) => !isHonoured(tracks, move));
}

/** Moves that name a frame or pair that these tracks do not have, or the frame that the points were picked on. */
export function misplaced(tracks, moves) {
  return moves.filter(({ frame, pair }) => frame === tracks.frame || !tracks.handles[frame]?.[pair]);
}

/**
 * How far a pair of a frame has to be drawn from where the last run had it, until the next one: the shift of the latest
 * move between the picked frame and this one that the run did not know of. `[dx, dy]`.
 */
export function pendingShift(tracks, moves, frame, pair) {
  const origin = tracks.frame;
  const way = Math.sign(frame - origin);
  const isOnTheWay = (move) =>
    move.pair === pair && Math.sign(move.frame - origin) === way && way * (frame - move.frame) >= 0;
  const latest = moves
    .filter(isOnTheWay)
    .sort((a, b) => way * (a.frame - b.frame))
    .at(-1);
  if (!latest || isHonoured(tracks, latest) || !tracks.handles[latest.frame]?.[pair]) return [0, 0];
  const [x, y] = middleOf(tracks.handles[latest.frame][pair]);
  return [latest.handle[0] - x, latest.handle[1] - y];
}
