/**
 * The mask's brush and eraser. The mask is the union of equal squares around mask points (Sec. 3.2), so a broad brush
 * puts down several of them, and the eraser takes points away. No DOM.
 */

/** Neighbouring mask points are this many half sides apart: their squares overlap by a quarter. */
export const STEP_IN_RADII = 1.5;

/** Does the point lie in the square of some mask point? */
export function isCovered([x, y], maskPoints, radius) {
  return maskPoints.some(([mx, my]) => Math.max(Math.abs(x - mx), Math.abs(y - my)) <= radius);
}

/** Middles of squares of half side `radius` that fill the square of half side `brush` around `at`. */
function middles(at, brush, radius) {
  const reach = Math.max(0, brush - radius);
  const count = Math.ceil((2 * reach) / (STEP_IN_RADII * radius));
  const along = (axis) =>
    count === 0 ? [at[axis]] : Array.from({ length: count + 1 }, (_, i) => at[axis] - reach + (2 * reach * i) / count);
  return along(1).flatMap((y) => along(0).map((x) => [x, y]));
}

/** The mask points that a brush of half side `brush` px adds at `at`, less those that the mask nearly has. */
export function brushed(maskPoints, at, brush, radius) {
  return middles(at, brush, radius).filter((point) => !isCovered(point, maskPoints, radius / 2));
}

/** The mask points that are left when an eraser of half side `brush` px has been at `at`. */
export function erased(maskPoints, at, brush) {
  return maskPoints.filter((point) => !isCovered(point, [at], brush));
}
