import assert from "node:assert/strict";
import { test } from "node:test";

import { layerOfStrokes } from "../../js/stroke_layer.mjs";

const SIZE = [80, 60];
const [WIDTH, HEIGHT] = SIZE;
const isThing = (x, y) => Math.hypot(x - 40, y - 30) <= 15;

/** A disc before a ground that gets darker to the right, with noise in both. */
function picture() {
  const made = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let y = 0, at = 0; y < HEIGHT; y++)
    for (let x = 0; x < WIDTH; x++, at += 4) {
      const noise = (x * 31 + y * 17) % 13;
      made.set(isThing(x, y) ? [200, 80 + noise, 60, 255] : [40, 120 + noise, 200 - x, 255], at);
    }
  return made;
}

const stroke = (kind, ...points) => ({ kind, radius: 2, points });

/** Intersection over union with the true disc. */
function agreement(layer) {
  let [both, either] = [0, 0];
  layer.forEach((value, at) => {
    const [is, found] = [isThing(at % WIDTH, Math.floor(at / WIDTH)), value > 127];
    both += is && found;
    either += is || found;
  });
  return both / either;
}

test("one stroke along the thing finds it, with strokes over the ground or without", () => {
  const thing = stroke("thing", [34, 32], [46, 28]);
  for (const strokes of [[thing], [thing, stroke("ground", [10, 10], [70, 10], [70, 50])]])
    assert.ok(agreement(layerOfStrokes(picture(), strokes, SIZE)) > 0.95);
});

test("nothing is said without a stroke over a thing", () => {
  assert.equal(layerOfStrokes(picture(), [stroke("ground", [1, 1])], SIZE), null);
});

test("what is painted as ground is ground", () => {
  const strokes = [stroke("thing", [34, 30], [34, 31]), stroke("ground", [48, 25], [48, 35])];
  const layer = layerOfStrokes(picture(), strokes, SIZE);
  assert.ok(layer[30 * WIDTH + 34] > 200 && layer[30 * WIDTH + 48] < 50);
});
