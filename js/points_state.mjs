/**
 * The picks: what the user drew on one frame, as plain data, and every edit of it.
 *
 * A picks object is never changed in place; each edit returns a new one:
 *   { size: [W, H], frame, pairs: [{ handle: [x, y], target: [x, y], keys? }], mask_points: [[x, y]], strokes, strength?, seed? }
 * Points are (x, y) in pixels of `size`, pixel centres at integers. A pair whose handle is its target is a pin: it
 * holds its place. `strokes`: see strokes_state.mjs; `keys`, `strength`: keyed_moves.mjs. `seed` names the upstream value
 * that the points were made from, if any. No DOM, no ComfyUI: everything here runs under Node's own test runner.
 */

import { clampPoint, rescalePoint } from "./geometry.mjs";
import { hasKeys, keysFault, withKeysOf } from "./keyed_moves.mjs";
import { copyStrokes, rescaleStrokes, strokesFault } from "./strokes_state.mjs";

/** Version 2 has strokes, 3 keys and strength; a text is written as the first that holds it, which older packs read too. */
export const VERSION = 3;
const VERSIONS = [1, 2, 3];
export const DEFAULT_SIZE = [512, 512];
/** As many as the run takes. */
export const MOST_PAIRS = 256;
export const MOST_MASK_POINTS = 1024;
/** How far beside its handle the target of a pair made with the keyboard starts, as a share of the frame's width. */
const NEW_TARGET_SHARE = 0.125;

/** No points yet. */
export function emptyPicks(size = DEFAULT_SIZE) {
  return { size: [...size], frame: 0, pairs: [], mask_points: [], strokes: [] };
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isPoint = (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber);
const isSize = (value) => isPoint(value) && value.every((side) => side >= 1);

/** Why a parsed JSON value is no picks object: a sentence, or null if it is one. */
function fault(data) {
  if (data === null || typeof data !== "object" || Array.isArray(data)) return "it is not a picks object";
  if (!VERSIONS.includes(data.version))
    return `its version is ${JSON.stringify(data.version)}, this editor reads versions 1 to ${VERSION}`;
  if (!isSize(data.size)) return 'its "size" is not [width, height]';
  if (!Array.isArray(data.pairs) || !data.pairs.every((pair) => isPoint(pair?.handle) && isPoint(pair?.target)))
    return 'its "pairs" are not a list of {"handle": [x, y], "target": [x, y]}';
  if (data.mask_points !== undefined && !(Array.isArray(data.mask_points) && data.mask_points.every(isPoint)))
    return 'its "mask_points" are not a list of [x, y]';
  if (data.pairs.length > MOST_PAIRS) return `it has more than ${MOST_PAIRS} pairs`;
  if ((data.mask_points ?? []).length > MOST_MASK_POINTS) return `it has more than ${MOST_MASK_POINTS} mask points`;
  if (data.frame !== undefined && !(Number.isInteger(data.frame) && data.frame >= 0))
    return 'its "frame" is not a frame number';
  const keyFault = keysFault(data);
  if (keyFault) return keyFault;
  return data.strokes === undefined ? null : strokesFault(data.strokes);
}

/**
 * The widget's text to `{ picks, problem }`. `problem` is null, or a sentence saying why the text could not be read;
 * then `picks` is empty and the caller keeps the text until the user edits, so that nothing is lost.
 */
export function parsePicks(text, size = DEFAULT_SIZE) {
  if (typeof text !== "string" || text.trim() === "") return { picks: emptyPicks(size), problem: null };
  let data;
  try {
    data = JSON.parse(text);
  } catch {
    return { picks: emptyPicks(size), problem: "The points could not be read: it is not JSON." };
  }
  const reason = fault(data);
  if (reason) return { picks: emptyPicks(size), problem: `The points could not be read: ${reason}.` };
  const picks = {
    size: [...data.size],
    frame: data.frame ?? 0,
    pairs: data.pairs.map((pair) => withKeysOf(pair, { handle: [...pair.handle], target: [...pair.target] })),
    mask_points: (data.mask_points ?? []).map((point) => [...point]),
    strokes: copyStrokes(data.strokes ?? []),
  };
  if (data.strength?.length) picks.strength = data.strength.map((one) => [...one]);
  if (typeof data.seed === "string") picks.seed = data.seed;
  return { picks, problem: null };
}

const rounded = (value) => Math.round(value * 100) / 100;
const roundedPoint = ([x, y]) => [rounded(x), rounded(y)];

/** Picks to the widget's text: always the same keys in the same order, coordinates to 1/100 pixel. */
export function serialisePicks(picks) {
  const hasStrokes = picks.strokes.length > 0;
  const data = {
    version: hasKeys(picks) ? 3 : hasStrokes ? 2 : 1,
    size: picks.size,
    frame: picks.frame,
    pairs: picks.pairs.map((pair) => {
      const ends = { handle: roundedPoint(pair.handle), target: roundedPoint(pair.target) };
      return withKeysOf(pair, ends, roundedPoint);
    }),
    mask_points: picks.mask_points.map(roundedPoint),
  };
  if (hasStrokes)
    data.strokes = picks.strokes.map(({ kind, radius, points }) => ({
      kind,
      radius: rounded(radius),
      points: points.map(roundedPoint),
    }));
  if (picks.strength?.length) data.strength = picks.strength.map(([frame, value]) => [frame, rounded(value)]);
  if (picks.seed !== undefined) data.seed = picks.seed;
  return JSON.stringify(data);
}

/** Nothing drawn at all? */
export function isBlank(picks) {
  return picks.pairs.length === 0 && picks.mask_points.length === 0 && picks.strokes.length === 0;
}

/** Does the pair hold its place rather than move anything? */
export function isPin({ handle, target }) {
  return handle[0] === target[0] && handle[1] === target[1];
}

/**
 * A selection names one thing: `{ kind: "handle" | "target" | "pair" | "mask", index }`.
 * Does it still name something in these picks?
 */
export function exists(picks, selection) {
  if (!selection) return false;
  const list = selection.kind === "mask" ? picks.mask_points : picks.pairs;
  return selection.index >= 0 && selection.index < list.length;
}

/** The point a selection names; for a whole pair its handle. */
export function pointOf(picks, { kind, index }) {
  if (kind === "mask") return picks.mask_points[index];
  return kind === "target" ? picks.pairs[index].target : picks.pairs[index].handle;
}

/** One more pair, as long as there may be more. */
export function addPair(picks, handle, target) {
  if (picks.pairs.length >= MOST_PAIRS) return picks;
  const pair = { handle: clampPoint(handle, picks.size), target: clampPoint(target, picks.size) };
  return { ...picks, pairs: [...picks.pairs, pair] };
}

/** One more pin, as long as there may be more. */
export const addPin = (picks, point) => addPair(picks, point, point);

/** A pair with its handle at `point` and its target to the right of it (to the left where the frame ends). */
export function addPairAt(picks, point) {
  const [width] = picks.size;
  const step = Math.max(1, Math.round(width * NEW_TARGET_SHARE));
  const side = point[0] + step <= width - 1 ? step : -step;
  return addPair(picks, point, [point[0] + side, point[1]]);
}

/** More mask points, as many as there may be. */
export function addMaskPoints(picks, points) {
  const room = MOST_MASK_POINTS - picks.mask_points.length;
  const added = points.slice(0, room).map((point) => clampPoint(point, picks.size));
  return { ...picks, mask_points: [...picks.mask_points, ...added] };
}

/** Puts the selected point at `point`; a selected pair goes there with its handle, its target follows. */
export function moveTo(picks, selection, point) {
  const inside = clampPoint(point, picks.size);
  if (selection.kind === "mask")
    return { ...picks, mask_points: picks.mask_points.map((old, index) => (index === selection.index ? inside : old)) };
  if (selection.kind === "pair") {
    const from = picks.pairs[selection.index].handle;
    return moveBy(picks, selection, point[0] - from[0], point[1] - from[1]);
  }
  const pairs = picks.pairs.map((pair, index) =>
    index === selection.index ? { ...pair, [selection.kind]: inside } : pair,
  );
  return { ...picks, pairs };
}

/** Moves the selected thing by (dx, dy) pixels. A pair keeps its shape: it stops as a whole at the frame's border. */
export function moveBy(picks, selection, dx, dy) {
  if (selection.kind !== "pair") {
    const [x, y] = pointOf(picks, selection);
    return moveTo(picks, selection, [x + dx, y + dy]);
  }
  const pair = picks.pairs[selection.index];
  const shift = [dx, dy].map((delta, axis) => {
    const ends = [pair.handle[axis], pair.target[axis]];
    const lowest = Math.min(0, -Math.min(...ends));
    const highest = Math.max(0, picks.size[axis] - 1 - Math.max(...ends));
    return Math.min(Math.max(delta, lowest), highest);
  });
  const moved = (point) => [point[0] + shift[0], point[1] + shift[1]];
  const pairs = picks.pairs.map((old, index) =>
    index === selection.index ? { ...old, handle: moved(old.handle), target: moved(old.target) } : old,
  );
  return { ...picks, pairs };
}

/** Removes the selected mask point, or the pair that the selected end belongs to. */
export function remove(picks, { kind, index }) {
  const others = (_, position) => position !== index;
  if (kind === "mask") return { ...picks, mask_points: picks.mask_points.filter(others) };
  return { ...picks, pairs: picks.pairs.filter(others) };
}

/** A copy of the selected mask point or pair, `offset` pixels down and right: `{ picks, selection }`. */
export function duplicate(picks, { kind, index }, offset = 12) {
  if (kind === "mask") {
    const [x, y] = picks.mask_points[index];
    const copied = addMaskPoints(picks, [[x + offset, y + offset]]);
    return { picks: copied, selection: { kind: "mask", index: copied.mask_points.length - 1 } };
  }
  if (picks.pairs.length >= MOST_PAIRS) return { picks, selection: { kind: "pair", index } };
  const { handle, target } = picks.pairs[index];
  const selection = { kind: "pair", index: picks.pairs.length };
  const copy = withKeysOf(picks.pairs[index], { handle: [...handle], target: [...target] });
  const copied = { ...picks, pairs: [...picks.pairs, copy] };
  const lower = moveBy(copied, selection, offset, offset);
  const isSame = lower.pairs[selection.index].handle.every((value, axis) => value === handle[axis]);
  return { picks: isSame ? moveBy(copied, selection, -offset, -offset) : lower, selection };
}

/** Clears what is named: `{ pairs, mask, strokes }`, all three unless told otherwise. */
export function clear(picks, { pairs = true, mask = true, strokes = true } = {}) {
  return {
    ...picks,
    pairs: pairs ? [] : picks.pairs,
    mask_points: mask ? [] : picks.mask_points,
    strokes: strokes ? [] : picks.strokes,
    strength: pairs ? [] : picks.strength,
  };
}

/** The points sit on another frame; keys of that frame make room for their targets. */
export function setFrame(picks, frame) {
  const at = Math.max(0, Math.round(frame));
  const pairs = picks.pairs.map((pair) =>
    pair.keys ? { ...pair, keys: pair.keys.filter((key) => key.frame !== at) } : pair,
  );
  return { ...picks, frame: at, pairs };
}

/** The same points in a frame of another size: each keeps its place relative to the frame. */
export function rescale(picks, size) {
  const scaled = (point) => rescalePoint(point, picks.size, size);
  return {
    ...picks,
    size: [...size],
    pairs: picks.pairs.map((pair) =>
      withKeysOf(pair, { handle: scaled(pair.handle), target: scaled(pair.target) }, (move) =>
        move.map((value, axis) => (value * size[axis]) / picks.size[axis]),
      ),
    ),
    mask_points: picks.mask_points.map(scaled),
    strokes: rescaleStrokes(picks.strokes, picks.size, size),
  };
}

/** All things that can be selected one after another with the keyboard: of a pin both ends at once. */
export function selectables(picks) {
  const ends = picks.pairs.flatMap((pair, index) =>
    isPin(pair)
      ? [{ kind: "pair", index }]
      : [
          { kind: "handle", index },
          { kind: "target", index },
        ],
  );
  return [...ends, ...picks.mask_points.map((_, index) => ({ kind: "mask", index }))];
}

/** The selectable after (`step` = 1) or before (-1) the selected one, in a ring; null if there is none. */
export function nextSelection(picks, selection, step) {
  const all = selectables(picks);
  if (all.length === 0) return null;
  const isSame = (item) => item.index === selection?.index && item.kind === selection.kind;
  const isHandleOf = (item) => selection?.kind === "pair" && item.kind === "handle" && item.index === selection.index;
  const at = all.findIndex((item) => isSame(item) || isHandleOf(item));
  if (at < 0) return step > 0 ? all[0] : all[all.length - 1];
  return all[(at + step + all.length) % all.length];
}
