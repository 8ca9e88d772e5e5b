import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { LivePreview } from "../../js/live_preview.mjs";
import { addPair, addPin, emptyPicks } from "../../js/points_state.mjs";
import { insideSet, maskOf, widened } from "../../js/regions.mjs";

const SIZE = [96, 64];
const [WIDTH, HEIGHT] = SIZE;
const PIXELS = { side: 3, spacing: 2, radius: 14 };
const MASK = [
  [34, 30],
  [50, 30],
];

/** A picture that differs from pixel to pixel, all of it opaque. */
function picture() {
  const made = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let at = 0; at < WIDTH * HEIGHT; at++)
    made.set([(at % WIDTH) * 2, Math.floor(at / WIDTH) * 3, (at * 7) % 251, 255], 4 * at);
  return made;
}

/** A disc that a thing covers, in bytes. */
function disc(x, y, radius) {
  const made = new Uint8Array(WIDTH * HEIGHT);
  for (let at = 0; at < made.length; at++)
    if (Math.hypot((at % WIDTH) - x, Math.floor(at / WIDTH) - y) <= radius) made[at] = 255;
  return made;
}

const masked = (...pairs) =>
  pairs.reduce((picks, [handle, target]) => addPair(picks, handle, target), { ...emptyPicks(SIZE), mask_points: MASK });
const pixel = (bytes, x, y) => [...bytes.slice(4 * (y * WIDTH + x), 4 * (y * WIDTH + x) + 4)];
const render = (picks, layer = null) => new LivePreview().render(picture(), picks, PIXELS, layer);

test("nothing moves without an arrow, or with pins alone", () => {
  assert.equal(render(emptyPicks(SIZE)), null);
  assert.equal(render(addPin(emptyPicks(SIZE), [30, 30])), null);
});

test("nothing outside the mask changes, and the picture that was given stays as it was", () => {
  const given = picture();
  for (const layer of [null, disc(40, 30, 25)]) {
    const made = new LivePreview().render(
      given,
      masked([
        [40, 30],
        [52, 34],
      ]),
      PIXELS,
      layer,
    );
    const mask = maskOf(MASK, PIXELS.radius, SIZE);
    let changed = 0;
    for (let at = 0; at < mask.length; at++) {
      const isSame = [0, 1, 2, 3].every((channel) => made[4 * at + channel] === given[4 * at + channel]);
      if (!mask[at]) assert.ok(isSame, `pixel ${at}`);
      changed += !isSame;
    }
    assert.ok(changed > 200);
  }
  assert.deepEqual(given, picture());
});

test("a thing wholly inside the mask moves as one piece, and leaves hatched ground", () => {
  const made = render(
    masked([
      [36, 30],
      [48, 33],
    ]),
    disc(36, 30, 8),
  );
  for (const [x, y] of [
    [36, 30],
    [31, 28],
    [40, 33],
    [36, 25],
  ])
    assert.deepEqual(pixel(made, x + 12, y + 3), pixel(picture(), x, y));
  const [red, green, blue] = pixel(made, 29, 30);
  assert.ok(red === green && green === blue, "freed ground is grey");
  assert.deepEqual(pixel(made, 60, 20), pixel(picture(), 60, 20), "ground that nothing came to");
});

test("a pin holds its place while the rest moves", () => {
  const made = render(
    masked(
      [
        [40, 30],
        [46, 30],
      ],
      [
        [30, 30],
        [30, 30],
      ],
    ),
  );
  const [before, after] = [pixel(picture(), 30, 30), pixel(made, 30, 30)];
  assert.ok(Math.abs(before[0] - after[0]) <= 1 && Math.abs(before[1] - after[1]) <= 1);
  assert.notDeepEqual(pixel(made, 44, 30), pixel(picture(), 44, 30));
});

test("what was kept from one drag is not taken for another", () => {
  const kept = new LivePreview();
  const [one, other] = [
    masked([
      [40, 30],
      [46, 30],
    ]),
    masked([
      [36, 28],
      [41, 35],
    ]),
  ];
  const layer = disc(36, 30, 10);
  const all = [
    [one, null],
    [other, null],
    [other, layer],
    [one, layer],
    [{ ...one, mask_points: [] }, layer],
    [one, null],
  ];
  for (const [picks, matte] of all)
    assert.deepEqual(kept.render(picture(), picks, PIXELS, matte), render(picks, matte));
});

test("the regions are the core's", () => {
  const unpacked = (runs) => Uint8Array.from(runs.flatMap((length, index) => Array(length).fill(index % 2)));
  const { cases } = JSON.parse(readFileSync(new URL("./mesh_numbers.json", import.meta.url)));
  for (const [name, { thing, mask, region, size, has_layer }] of Object.entries(cases)) {
    const grown = has_layer ? widened(unpacked(thing), 2, size) : widened(unpacked(mask), 1, size);
    assert.deepEqual(grown, unpacked(region), name);
  }
});

test("a set at the border is moved inside as a whole", () => {
  const set = (x, y) => [-2, 0, 2].flatMap((dy) => [-2, 0, 2].map((dx) => [x + dx, y + dy]));
  assert.deepEqual(insideSet(set(1, 30), SIZE), set(2, 30));
  assert.deepEqual(insideSet(set(95, 63), SIZE), set(93, 61));
  assert.deepEqual(insideSet(set(40, 30), SIZE), set(40, 30));
});
