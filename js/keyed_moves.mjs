/**
 * Targets that change over time, as the core has them (points/moves.py): a pair may have keys, each the way from its handle
 * to its target in another frame than the picked one, and a strength, keyed by frame alike, multiplies all ways. In between
 * it is eased. Plain data, no DOM, nothing changed in place: `pair.keys` is `[{ frame, move: [x, y] }]`, `picks.strength`
 * is `[[frame, 0 to 1]]`; either may be missing. Before the first key and after the last one the run turns and sizes the way
 * as the thing turns and grows; here nothing is known of its motion.
 */

/** As many as the run takes. */
const MOST_KEYS = 64;
const MOST_FRAME = 1_000_000;

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
const isFrame = (value) => Number.isInteger(value) && value >= 0 && value < MOST_FRAME;
const isMove = (value) => Array.isArray(value) && value.length === 2 && value.every(isNumber);
const areApart = (frames) => new Set(frames).size === frames.length;

function areKeys(keys, picked) {
  if (keys === undefined) return true;
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) return false;
  return (
    keys.every((key) => isFrame(key?.frame) && isMove(key.move)) && areApart([picked, ...keys.map(({ frame }) => frame)])
  );
}

function isStrength(strength) {
  if (strength === undefined) return true;
  if (!Array.isArray(strength) || strength.length > MOST_KEYS) return false;
  const isOne = (one) => Array.isArray(one) && one.length === 2 && isFrame(one[0]) && one[1] >= 0 && one[1] <= 1;
  return strength.every(isOne) && areApart(strength.map(([frame]) => frame));
}

/** Why keys and strength of a parsed JSON value are none: the end of a sentence, or null if they are. */
export function keysFault({ pairs, strength, frame = 0 }) {
  if (!pairs.every(({ keys }) => areKeys(keys, frame))) return 'the "keys" of a pair are not a list of {"frame", "move"}';
  return isStrength(strength) ? null : 'its "strength" is not a list of [frame, 0 to 1]';
}

export const hasKeys = ({ pairs, strength }) =>
  (strength ?? []).length > 0 || pairs.some(({ keys }) => (keys ?? []).length > 0);

/** A pair with its keys, the ways changed by `change([x, y])`; without keys a plain pair. */
export function withKeysOf({ keys }, pair, change = (move) => [...move]) {
  if (!keys?.length) return pair;
  return { ...pair, keys: keys.map(({ frame, move }) => ({ frame, move: change(move) })) };
}

/** The value on `frame` between `[frame, values]`, eased. */
function eased(entries, frame) {
  const sorted = [...entries].sort((a, b) => a[0] - b[0]);
  const found = sorted.findIndex(([at]) => at >= frame);
  const after = found < 0 ? sorted.length - 1 : found;
  const before = sorted[after][0] > frame ? Math.max(after - 1, 0) : after;
  const [from, to] = [sorted[before], sorted[after]];
  const share = to[0] > from[0] ? (frame - from[0]) / (to[0] - from[0]) : 0;
  const smooth = share * share * (3 - 2 * share);
  return from[1].map((value, axis) => (1 - smooth) * value + smooth * to[1][axis]);
}

/** The way of a pair on a frame, px, before the strength. */
export function wayOn({ frame: picked }, { handle, target, keys }, frame) {
  const own = [picked, [target[0] - handle[0], target[1] - handle[1]]];
  return eased([own, ...(keys ?? []).map(({ frame: at, move }) => [at, move])], frame);
}

/** What all ways of a frame are multiplied with. */
export function strengthOn({ strength }, frame) {
  return strength?.length ? eased(strength.map(([at, value]) => [at, [value]]), frame)[0] : 1;
}

/** The picks with the targets as they are reached on the frame that they sit on. */
export function atStrength(picks) {
  const share = strengthOn(picks, picks.frame);
  if (share === 1) return picks;
  const reached = ({ handle, target }) => handle.map((value, axis) => value + share * (target[axis] - value));
  return { ...picks, pairs: picks.pairs.map((pair) => ({ ...pair, target: reached(pair) })) };
}

/** The pair's way on `frame` is `move`. */
export function withKey(picks, index, frame, move) {
  const pairs = picks.pairs.map((pair, at) => {
    if (at !== index) return pair;
    const others = (pair.keys ?? []).filter((key) => key.frame !== frame);
    if (others.length >= MOST_KEYS) return pair;
    return { ...pair, keys: [...others, { frame, move: [...move] }].sort((a, b) => a.frame - b.frame) };
  });
  return { ...picks, pairs };
}

export const keyOn = ({ keys }, frame) => keys?.find((key) => key.frame === frame);

export function withoutKey(picks, index, frame) {
  const pairs = picks.pairs.map((pair, at) =>
    at === index ? { ...pair, keys: (pair.keys ?? []).filter((key) => key.frame !== frame) } : pair,
  );
  return { ...picks, pairs };
}

/** The strength on `frame` is `value`; null: it is not set there. */
export function withStrength(picks, frame, value) {
  const others = (picks.strength ?? []).filter(([at]) => at !== frame);
  const added = value === null || others.length >= MOST_KEYS ? [] : [[frame, value]];
  return { ...picks, strength: [...others, ...added].sort((a, b) => a[0] - b[0]) };
}

/** Frames, other than the picked one, that something is set on. */
export function keyedFrames({ pairs, strength }) {
  const ofPairs = pairs.flatMap(({ keys }) => (keys ?? []).map(({ frame }) => frame));
  return [...new Set([...ofPairs, ...(strength ?? []).map(([frame]) => frame)])];
}
