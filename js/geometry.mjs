/** Points (x, y) in the pixels of a frame of size [W, H], pixel centres at integers. No DOM. */

/** The nearest point on the centre of a pixel of the frame, or between such. */
export function clampPoint([x, y], [width, height]) {
  return [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
}

/** Is the point on the frame? Its pixels reach half a pixel beyond their centres. */
export function isInside([x, y], [width, height]) {
  return x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5;
}

/** A point at the same place of a frame of another size (both [W, H]). */
export function rescalePoint(point, from, to) {
  return point.map((value, axis) => ((value + 0.5) * to[axis]) / from[axis] - 0.5);
}

/** Points from `from` to `to`, at most `step` apart, both ends included. */
export function pointsAlong(from, to, step) {
  const distance = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const count = Math.max(1, Math.ceil(distance / step));
  return Array.from({ length: count + 1 }, (_, index) =>
    [0, 1].map((axis) => from[axis] + ((to[axis] - from[axis]) * index) / count),
  );
}

/** Python's round: halves go to the even neighbour. */
export function roundHalfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
