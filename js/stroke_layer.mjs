/**
 * The thing's layer from strokes, for the live preview: which pixels are nearer to the strokes over the thing than to those
 * over the ground, where a way costs what its colours change along it (a geodesic distance, Criminisi 2008). The run
 * finds the layer more carefully. No DOM: pictures are RGBA bytes.
 */

const COLOUR = 0.15; // what a change of colour by 1 of 255 costs, in pixels of way
const PASSES = 2; // over the picture and back: nearly exact, as ways seldom turn back twice
const FAR = 1e9;
const STEPS = [
  [-1, 0, 1],
  [0, -1, 1],
  [-1, -1, Math.SQRT2],
  [1, -1, Math.SQRT2],
];

/**
 * How much of each pixel the thing covers, in bytes, of RGBA bytes of `size` [W, H]. `strokes` are in its pixels. Null
 * without strokes over the thing. Without any over the ground the picture's border is ground.
 */
export function layerOfStrokes(picture, strokes, size) {
  const thing = strokes.filter(({ kind }) => kind === "thing");
  if (thing.length === 0) return null;
  const ground = strokes.filter(({ kind }) => kind === "ground");
  const toThing = distances(picture, size, (seeds) => paint(seeds, thing, size));
  const toGround = distances(picture, size, (seeds) => {
    if (ground.length > 0) paint(seeds, ground, size);
    else paintBorder(seeds, size);
    toThing.forEach((distance, at) => distance === 0 && (seeds[at] = 0)); // a thing may reach the border
  });
  return softened(
    toThing.map((distance, at) => (distance < toGround[at] ? 255 : 0)),
    size,
  );
}

/** Sets the pixels under the strokes to 1. */
function paint(seeds, strokes, [width, height]) {
  const dot = (cx, cy, radius) => {
    for (let y = Math.max(0, Math.ceil(cy - radius)); y <= Math.min(height - 1, cy + radius); y++)
      for (let x = Math.max(0, Math.ceil(cx - radius)); x <= Math.min(width - 1, cx + radius); x++)
        if ((x - cx) ** 2 + (y - cy) ** 2 <= radius ** 2) seeds[y * width + x] = 1;
  };
  for (const { radius, points } of strokes)
    points.forEach(([x, y], index) => {
      const [fromX, fromY] = points[Math.max(0, index - 1)];
      const count = Math.max(1, Math.ceil(Math.hypot(x - fromX, y - fromY) / Math.max(1, radius)));
      const along = (from, to, step) => from + ((to - from) * step) / count;
      for (let step = 1; step <= count; step++) dot(along(fromX, x, step), along(fromY, y, step), Math.max(1, radius));
    });
}

function paintBorder(seeds, [width, height]) {
  seeds.fill(1, 0, width).fill(1, (height - 1) * width);
  for (let row = 0; row < height; row++) seeds[row * width] = seeds[row * width + width - 1] = 1;
}

/** The cheapest way from each pixel to the seeds, Float32Array. */
function distances(picture, [width, height], seed) {
  const seeds = new Uint8Array(width * height);
  seed(seeds);
  const found = Float32Array.from(seeds, (is) => (is ? 0 : FAR));
  for (let pass = 0; pass < PASSES; pass++)
    for (const way of [1, -1]) {
      const [firstRow, firstColumn] = way > 0 ? [0, 0] : [height - 1, width - 1];
      for (let row = firstRow; row >= 0 && row < height; row += way)
        for (let column = firstColumn; column >= 0 && column < width; column += way) {
          const at = row * width + column;
          for (let step = 0; step < STEPS.length; step++) {
            const x = column + way * STEPS[step][0];
            const y = row + way * STEPS[step][1];
            if (x < 0 || y < 0 || x >= width || y >= height) continue;
            const from = y * width + x;
            const cost = found[from] + STEPS[step][2] + COLOUR * change(picture, 4 * at, 4 * from);
            if (cost < found[at]) found[at] = cost;
          }
        }
    }
  return found;
}

/** By how much the colours of two pixels differ, all channels together. */
function change(picture, one, other) {
  const red = picture[one] - picture[other];
  const green = picture[one + 1] - picture[other + 1];
  const blue = picture[one + 2] - picture[other + 2];
  return Math.abs(red) + Math.abs(green) + Math.abs(blue);
}

/** Bytes averaged over 3 x 3 pixels: an edge of about one pixel. */
function softened(values, [width, height]) {
  const made = new Uint8Array(width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      let sum = 0;
      for (let y = row - 1; y <= row + 1; y++)
        for (let x = column - 1; x <= column + 1; x++) {
          const [px, py] = [Math.min(Math.max(x, 0), width - 1), Math.min(Math.max(y, 0), height - 1)];
          sum += values[py * width + px];
        }
      made[row * width + column] = sum / 9;
    }
  return made;
}
