/** Masks of a picture of `size` [W, H]: Uint8Array of W * H, row by row, 0 or 1. As the core makes them. No DOM. */

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

/** The mask and what lies within `radius` px of it: a disc of pixels, as OpenCV's ellipse has it. */
export function widened(mask, radius, [width, height]) {
  const found = mask.slice();
  const rows = Array.from({ length: 2 * radius + 1 }, (_, at) => at - radius);
  const reach = rows.map((dy) => Math.round(Math.sqrt(radius * radius - dy * dy)));
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      if (!mask[row * width + column]) continue;
      const from = column;
      while (column < width && mask[row * width + column]) column++; // a run of pixels at once
      rows.forEach((dy, at) => {
        const start = (row + dy) * width;
        if (row + dy < 0 || row + dy >= height) return;
        found.fill(1, start + Math.max(0, from - reach[at]), start + Math.min(width, column + reach[at]));
      });
    }
  return found;
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
