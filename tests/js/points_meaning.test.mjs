import assert from "node:assert/strict";
import { test } from "node:test";

import { pointsAlong } from "../../js/geometry.mjs";
import { isCovered } from "../../js/mask_brush.mjs";
import * as meaning from "../../js/points_meaning.mjs";
import { addMaskPoints, addPair, emptyPicks } from "../../js/points_state.mjs";

const SIZE = [256, 128];
const PIXELS = meaning.inPixels(meaning.DEFAULT_SETTINGS, SIZE);

test("settings are given at 512 and scale with the shorter side", () => {
  assert.deepEqual(PIXELS, { side: 3, spacing: 2, radius: 7 });
  assert.deepEqual(meaning.inPixels(meaning.DEFAULT_SETTINGS, [512, 900]), { side: 3, spacing: 8, radius: 28 });
});

test("a point set is a square around its centre, row by row", () => {
  assert.deepEqual(meaning.pointSet([10, 20], { side: 3, spacing: 2 }), [
    [8, 18],
    [10, 18],
    [12, 18],
    [8, 20],
    [10, 20],
    [12, 20],
    [8, 22],
    [10, 22],
    [12, 22],
  ]);
  assert.deepEqual(meaning.pointSet([5, 6], { side: 1, spacing: 8 }), [[5, 6]]);
});

test("a mask square reaches its half side in both axes, its border included", () => {
  const mask = [[50, 50]];
  for (const [point, expected] of [
    [[57, 57], true],
    [[43, 57], true],
    [[57.01, 50], false],
    [[50, 42.9], false],
  ])
    assert.equal(isCovered(point, mask, 7), expected, String(point));
  assert.equal(isCovered([50, 50], [], 7), false);
});

test("a target outside every square is warned of, unless nothing is masked", () => {
  const picks = addPair(emptyPicks(SIZE), [50, 50], [80, 50]);
  assert.deepEqual(meaning.warnings(picks, PIXELS), []);
  const [warning, ...rest] = meaning.warnings(addMaskPoints(picks, [[50, 50]]), PIXELS);
  assert.deepEqual([warning.kind, warning.index, rest.length], ["target", 0, 0]);
  assert.match(warning.text, /Target 1 lies outside the mask/);
  assert.deepEqual(meaning.warnings(addMaskPoints(picks, [[86, 44]]), PIXELS), []);
});

test("points outside the frame are warned of; a pin is what it should be, in the mask or out of it", () => {
  const picks = {
    ...emptyPicks(SIZE),
    pairs: [
      { handle: [-1, 0], target: [256, 0] },
      { handle: [5, 5], target: [5, 5] },
    ],
    mask_points: [[250, 128]],
  };
  const found = meaning.warnings(picks, PIXELS).map(({ kind, index }) => `${kind} ${index}`);
  assert.deepEqual(found, ["handle 0", "target 0", "mask 0"]);
});

test("what lies outside the squares is exactly the frame less their union, without overlap", () => {
  const squares = [
    [-5, -5, 20, 20],
    [10, 10, 20, 20],
    [60, 5, 10, 10],
    [62, 5, 4, 4],
    [95, 40, 30, 30],
    [200, 200, 5, 5],
  ];
  const pieces = meaning.outsideOf([0, 0, 100, 50], squares);
  const within =
    (x, y) =>
    ([left, top, width, height]) =>
      left < x && x < left + width && top < y && y < top + height;
  for (let x = 0.25; x < 100; x += 0.9)
    for (let y = 0.25; y < 50; y += 0.9)
      assert.equal(pieces.filter(within(x, y)).length, squares.some(within(x, y)) ? 0 : 1, `${x}, ${y}`);
});

test("points along a path start and end with it and are no further apart than the step", () => {
  const path = pointsAlong([0, 0], [30, 40], 12);
  assert.deepEqual(
    [path[0], path.at(-1)],
    [
      [0, 0],
      [30, 40],
    ],
  );
  for (let i = 1; i < path.length; i++)
    assert.ok(Math.hypot(path[i][0] - path[i - 1][0], path[i][1] - path[i - 1][1]) <= 12);
});

test("the suggested mask covers each arrow from end to end, also a slanted one", () => {
  let picks = addPair(emptyPicks(SIZE), [20, 20], [200, 110]);
  picks = addPair(picks, [220, 20], [30, 100]);
  const mask = meaning.suggestedMask(picks, PIXELS.radius);
  for (const { handle, target } of picks.pairs)
    for (let share = 0; share <= 1; share += 0.01) {
      const point = [0, 1].map((axis) => handle[axis] + share * (target[axis] - handle[axis]));
      assert.ok(isCovered(point, mask, PIXELS.radius), `${point} is not covered`);
    }
  assert.deepEqual(meaning.warnings(addMaskPoints(picks, mask), PIXELS), []);
});

test("suggesting a mask twice adds nothing the second time", () => {
  const picks = addPair(emptyPicks(SIZE), [20, 20], [100, 110]);
  const mask = meaning.suggestedMask(picks, PIXELS.radius);
  assert.deepEqual(meaning.suggestedMask(addMaskPoints(picks, mask), PIXELS.radius), []);
});
