/** Masks of a picture of `size` [W, H]: Uint8Array of W * H, row by row, 0 or 1. As the core makes them. No DOM. */

import { roundHalfEven } from "./geometry.mjs";

/** The union of the squares of half side `radius` around the mask points. */
export function maskOf(maskPoints, radius, [width, height]) {
  const mask = new Uint8Array(width * height);
  for (const [x, y] of maskPoints) {
    const [left, right] = [Math.max(0, Math.ceil(x - radius)), Math.min(width - 1, Math.floor(x + radius))];
    const [top, bottom] = [Math.max(0, Math.ceil(y - radius)), Math.min(height - 1, Math.floor(y + radius))];
    if (left <= right)
      for (let row = top; row <= bottom; row++) mask.fill(1, row * width + left, row * width + right + 1);
  }
  return mask;
}

/** The mask without the picture's outermost pixels. */
export function withoutBorder(mask, [width, height]) {
  const inner = mask.slice();
  inner.fill(0, 0, width).fill(0, (height - 1) * width);
  for (let row = 0; row < height; row++) inner[row * width] = inner[row * width + width - 1] = 0;
  return inner;
}

/** Calls `act(row, from, to)` for each run of ones in a row of a mask `width` wide; `to` is the first column after it. */
export function eachRun(mask, width, act) {
  for (let at = mask.indexOf(1); at >= 0; at = mask.indexOf(1, at)) {
    const row = Math.floor(at / width);
    const [from, last] = [at, (row + 1) * width];
    while (at < last && mask[at]) at++;
    act(row, from - row * width, at - row * width);
  }
}

/** The mask and what lies within `radius` px of it: a disc of pixels, as OpenCV's ellipse has it. */
export function widened(mask, radius, [width, height]) {
  const found = mask.slice();
  const reach = Array.from({ length: radius + 1 }, (_, dy) => Math.round(Math.sqrt(radius * radius - dy * dy)));
  eachRun(mask, width, (row, from, to) => {
    for (let dy = -Math.min(radius, row); dy <= Math.min(radius, height - 1 - row); dy++) {
      const [start, wide] = [(row + dy) * width, reach[Math.abs(dy)]];
      found.fill(1, start + Math.max(0, from - wide), start + Math.min(width, to + wide));
    }
  });
  return found;
}

/** The mask and what lies within `side` px of it along both axes. */
export function squared(mask, side, [width, height]) {
  const found = mask.slice();
  eachRun(mask, width, (row, from, to) => {
    const [left, right] = [Math.max(0, from - side), Math.min(width, to + side)];
    for (let y = Math.max(0, row - side); y <= Math.min(height - 1, row + side); y++) found.fill(1, y * width + left, y * width + right);
  });
  return found;
}

/** What is in the one mask and not in the other. */
export function without(mask, other) {
  const left = mask.slice();
  for (let at = 0; at < left.length; at++) if (other[at]) left[at] = 0;
  return left;
}

const NARROW = 1 / 32; // of the picture's shorter side: a rim sticks out no further
const SMALL = 1 / 5; // of what the mask holds of the layer: a rim is no larger

/** The layer without the rims that stick out of the edit mask, as dragvideo_core/displacement/rims.py has it. */
export function withoutRims(layer, mask, [width, height]) {
  const outside = without(layer, mask);
  if (!outside.includes(1)) return layer;
  const reach = roundHalfEven(NARROW * Math.min(width, height));
  let inside = 0;
  for (let at = 0; at < layer.length; at++) inside += layer[at] & mask[at];
  const most = SMALL * inside;
  const isNear = (at) => {
    const [column, row] = [at % width, Math.floor(at / width)];
    for (let y = Math.max(0, row - reach); y <= Math.min(height - 1, row + reach); y++)
      for (let x = Math.max(0, column - reach); x <= Math.min(width - 1, column + reach); x++) if (mask[y * width + x]) return true;
    return false;
  };
  const held = layer.slice();
  for (let first = outside.indexOf(1); first >= 0; first = outside.indexOf(1, first)) {
    const piece = pieceOf(outside, first, [width, height]);
    if (piece.length <= most && piece.every(isNear)) for (const at of piece) held[at] = 0;
  }
  return held;
}

/** The pixels joined to this one, by sides or corners; they are taken out of the mask. */
export function pieceOf(mask, first, [width, height]) {
  const piece = [first];
  mask[first] = 0;
  for (const at of piece) {
    const [column, row] = [at % width, Math.floor(at / width)];
    for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++)
      for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++)
        if (mask[y * width + x]) {
          mask[y * width + x] = 0;
          piece.push(y * width + x);
        }
  }
  return piece;
}

/** Does the pixel number `at` lie at the picture's border? */
export function reachesBorder(at, [width, height]) {
  const [column, row] = [at % width, Math.floor(at / width)];
  return column === 0 || row === 0 || column === width - 1 || row === height - 1;
}

/** Does the mask reach the picture's border? */
export function touchesBorder(mask, [width, height]) {
  for (let column = 0; column < width; column++) if (mask[column] || mask[(height - 1) * width + column]) return true;
  for (let row = 0; row < height; row++) if (mask[row * width] || mask[row * width + width - 1]) return true;
  return false;
}

/** A set of points near the border, moved as a whole until all of it lies inside, or to the middle where it is too large. */
export function insideSet(points, size) {
  const shift = [0, 1].map((axis) => {
    const along = points.map((point) => point[axis]);
    const [lowest, highest, last] = [Math.min(...along), Math.max(...along), size[axis] - 1];
    if (highest - lowest > last) return (last - lowest - highest) / 2;
    return Math.max(0, -lowest) - Math.max(0, highest - last);
  });
  return points.map(([x, y]) => [x + shift[0], y + shift[1]]);
}
