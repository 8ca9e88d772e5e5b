import { makeElement } from "./fake_page.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";

import { PreviewCanvas } from "../../js/preview_canvas.mjs";
import { addPair, emptyPicks } from "../../js/points_state.mjs";

const SIZE = [96, 64];
const [WIDTH, HEIGHT] = SIZE;

/** A canvas whose pictures are their bytes: what was put on it last can be read as `drawn`. */
globalThis.document.createElement = (tag) => {
  const made = makeElement(tag);
  let seen = null;
  made.getContext = () => ({
    drawImage: (picture) => (seen = picture),
    getImageData: () => ({ data: seen }),
    putImageData: (image) => (made.drawn = image),
  });
  return made;
};
globalThis.ImageData = class {
  constructor(bytes) {
    return bytes;
  }
};

/** White where the thing is: a bar from the top to the bottom of the picture. */
function bar(left, right) {
  const made = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let at = 0; at < WIDTH * HEIGHT; at++)
    made.set(at % WIDTH >= left && at % WIDTH < right ? [255, 255, 255, 255] : [0, 0, 0, 255], 4 * at);
  return made;
}

const PICKS = addPair(emptyPicks(SIZE), [48, 32], [52, 32]); // its mask reaches 6.4 px from the arrow, and the thing 9.6 px
const alpha = (canvas, x, y) => {
  const times = canvas.width / WIDTH; // it may be finer than the picture
  return canvas.drawn[4 * (times * y * canvas.width + times * x + (times >> 1) * (canvas.width + 1)) + 3];
};

test("the thing near the handle is shown as what may change, and so is its place at the target", () => {
  const locked = new PreviewCanvas().locked(bar(0, 0), PICKS, bar(45, 51));
  assert.equal(alpha(locked, 48, 32), 0, "the arrow");
  assert.equal(alpha(locked, 47, 24), 0, "the thing, further from the handle than the mask around the arrow reaches");
  assert.equal(alpha(locked, 53, 24), 0, "the same, moved");
  assert.equal(alpha(locked, 47, 12), 128, "the thing far away");
  assert.equal(alpha(locked, 62, 24), 128, "the ground beside it");
  assert.ok(locked.drawn.some((value, at) => at % 4 === 3 && value === 255), "a rim");
});

test("what lies over a small picture is finer than it, so that its rim is thin", () => {
  const locked = new PreviewCanvas().locked(bar(0, 0), PICKS, bar(45, 51));
  assert.deepEqual([locked.width, locked.height], [5 * WIDTH, 5 * HEIGHT]);
  const rims = locked.drawn.filter((value, at) => at % 4 === 3 && value === 255).length;
  assert.ok(rims > 0 && rims < 0.04 * 25 * WIDTH * HEIGHT, `${rims} pixels`);
});

test("there is nothing to show where a mask was painted, no thing is known or nothing moves", () => {
  const canvas = new PreviewCanvas();
  assert.equal(canvas.locked(bar(0, 0), { ...PICKS, mask_points: [[48, 32]] }, bar(45, 51)), null);
  assert.equal(canvas.locked(bar(0, 0), PICKS, null), null);
  assert.equal(canvas.locked(bar(0, 0), emptyPicks(SIZE), bar(45, 51)), null);
});
