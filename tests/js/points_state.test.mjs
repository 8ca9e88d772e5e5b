import assert from "node:assert/strict";
import { test } from "node:test";

import { isInside } from "../../js/geometry.mjs";
import * as points from "../../js/points_state.mjs";

const SIZE = [200, 100];
const drawn = () => {
  const picks = points.addPair(points.emptyPicks(SIZE), [10, 20], [50, 60]);
  return points.addMaskPoints(points.addPair(picks, [100, 50], [150, 70]), [
    [30, 40],
    [60, 60],
  ]);
};

test("text and picks are two forms of the same thing", () => {
  const picks = { ...drawn(), frame: 3, seed: "abc" };
  const { picks: read, problem } = points.parsePicks(points.serialisePicks(picks));
  assert.equal(problem, null);
  assert.deepEqual(read, picks);
});

test("the text has the keys of the contract", () => {
  assert.deepEqual(JSON.parse(points.serialisePicks(drawn())), {
    version: 1,
    size: [200, 100],
    frame: 0,
    pairs: [
      { handle: [10, 20], target: [50, 60] },
      { handle: [100, 50], target: [150, 70] },
    ],
    mask_points: [
      [30, 40],
      [60, 60],
    ],
  });
});

test("coordinates are written to a hundredth of a pixel", () => {
  const picks = points.addPair(points.emptyPicks(SIZE), [10.123456, 20], [1 / 3, 2]);
  assert.deepEqual(JSON.parse(points.serialisePicks(picks)).pairs[0], { handle: [10.12, 20], target: [0.33, 2] });
});

test("an empty text is no problem and no points", () => {
  for (const text of ["", "  ", undefined]) {
    const { picks, problem } = points.parsePicks(text, [64, 32]);
    assert.equal(problem, null);
    assert.deepEqual(picks, points.emptyPicks([64, 32]));
  }
});

test("what is no picks text is named, and gives no points", () => {
  const good = JSON.parse(points.serialisePicks(drawn()));
  const cases = [
    ["not json", /not JSON/],
    ["[]", /not a picks object/],
    ["null", /not a picks object/],
    ["7", /not a picks object/],
    [JSON.stringify({ ...good, version: 4 }), /version is 4/],
    [JSON.stringify({ ...good, size: [0, 5] }), /size/],
    [JSON.stringify({ ...good, size: undefined }), /size/],
    [JSON.stringify({ ...good, pairs: [{ handle: [1, 2] }] }), /pairs/],
    [JSON.stringify({ ...good, pairs: [{ handle: [1, 2], target: ["3", 4] }] }), /pairs/],
    [JSON.stringify({ ...good, mask_points: [[1]] }), /mask_points/],
    [JSON.stringify({ ...good, frame: -1 }), /frame/],
    [JSON.stringify({ ...good, frame: 0.5 }), /frame/],
  ];
  for (const [text, reason] of cases) {
    const { picks, problem } = points.parsePicks(text);
    assert.match(problem, reason, text);
    assert.ok(points.isBlank(picks));
  }
});

test("no edit changes the picks it was given", () => {
  const picks = drawn();
  const before = structuredClone(picks);
  const handle = { kind: "handle", index: 0 };
  points.moveTo(picks, handle, [1, 1]);
  points.moveBy(picks, { kind: "pair", index: 1 }, 5, 5);
  points.remove(picks, handle);
  points.duplicate(picks, handle);
  points.clear(picks);
  points.rescale(picks, [400, 200]);
  points.setFrame(picks, 4);
  assert.deepEqual(picks, before);
});

test("a point that is dragged out of the frame stops at its border", () => {
  const moved = points.moveTo(drawn(), { kind: "target", index: 0 }, [-30, 999]);
  assert.deepEqual(moved.pairs[0], { handle: [10, 20], target: [0, 99] });
  assert.deepEqual(points.addPair(points.emptyPicks(SIZE), [-1, -1], [200, 100]).pairs[0], {
    handle: [0, 0],
    target: [199, 99],
  });
});

test("nudging moves only what is selected", () => {
  const picks = drawn();
  const moved = points.moveBy(picks, { kind: "handle", index: 1 }, 0, -10);
  assert.deepEqual(moved.pairs[1], { handle: [100, 40], target: [150, 70] });
  assert.deepEqual(moved.pairs[0], picks.pairs[0]);
  assert.deepEqual(points.moveBy(picks, { kind: "mask", index: 1 }, 1, 0).mask_points, [
    [30, 40],
    [61, 60],
  ]);
});

test("a pair keeps its shape wherever it is moved, also at the border", () => {
  const picks = drawn();
  const arrow = (pair) => [pair.target[0] - pair.handle[0], pair.target[1] - pair.handle[1]];
  for (const [dx, dy] of [
    [5, 7],
    [-500, 500],
    [500, -500],
  ]) {
    const moved = points.moveBy(picks, { kind: "pair", index: 0 }, dx, dy).pairs[0];
    assert.deepEqual(arrow(moved), arrow(picks.pairs[0]));
    for (const point of [moved.handle, moved.target]) assert.ok(isInside(point, SIZE));
  }
  assert.deepEqual(points.moveTo(picks, { kind: "pair", index: 0 }, [20, 30]).pairs[0], {
    handle: [20, 30],
    target: [60, 70],
  });
});

test("removing an end removes its pair, removing a mask point only that", () => {
  assert.deepEqual(points.remove(drawn(), { kind: "target", index: 0 }).pairs, [
    { handle: [100, 50], target: [150, 70] },
  ]);
  const left = points.remove(drawn(), { kind: "mask", index: 0 });
  assert.deepEqual([left.mask_points, left.pairs.length], [[[60, 60]], 2]);
});

test("a duplicate is beside its original and selected, also in the corner", () => {
  const { picks, selection } = points.duplicate(drawn(), { kind: "handle", index: 0 }, 12);
  assert.deepEqual(selection, { kind: "pair", index: 2 });
  assert.deepEqual(picks.pairs[2], { handle: [22, 32], target: [62, 72] });
  const corner = points.addPair(points.emptyPicks(SIZE), [199, 99], [199, 99]);
  const copy = points.duplicate(corner, { kind: "pair", index: 0 }, 12).picks.pairs[1];
  assert.notDeepEqual(copy, corner.pairs[0]);
});

test("rescaling keeps every point's place in the frame, and comes back", () => {
  const picks = drawn();
  const larger = points.rescale(picks, [400, 300]);
  assert.deepEqual(larger.size, [400, 300]);
  assert.deepEqual(larger.pairs[0].handle, [(10 + 0.5) * 2 - 0.5, (20 + 0.5) * 3 - 0.5]);
  assert.equal(points.serialisePicks(points.rescale(larger, SIZE)), points.serialisePicks(picks));
});

test("rescaling leaves no point outside that was inside", () => {
  const picks = points.addPair(points.emptyPicks(SIZE), [0, 0], [199, 99]);
  const { handle, target } = points.rescale(picks, [50, 20]).pairs[0];
  assert.ok(isInside(handle, [50, 20]) && isInside(target, [50, 20]));
});

test("there are never more points than the run takes", () => {
  const many = (count) => Array.from({ length: count }, (_, index) => [index % 200, 5]);
  const full = points.addMaskPoints(points.emptyPicks(SIZE), many(points.MOST_MASK_POINTS + 9));
  assert.equal(full.mask_points.length, points.MOST_MASK_POINTS);
  let picks = points.emptyPicks(SIZE);
  for (const handle of many(points.MOST_PAIRS + 1)) picks = points.addPair(picks, handle, [9, 9]);
  assert.equal(picks.pairs.length, points.MOST_PAIRS);
  assert.equal(points.duplicate(picks, { kind: "pair", index: 0 }).picks.pairs.length, points.MOST_PAIRS);
  const text = JSON.stringify({ version: 1, size: SIZE, pairs: [...picks.pairs, picks.pairs[0]] });
  assert.match(points.parsePicks(text).problem, /more than 256 pairs/);
});

test("the keyboard reaches every point once, in a ring, in both directions", () => {
  const picks = drawn();
  const walk = (step) => {
    const seen = [];
    let at = null;
    for (let i = 0; i < 6; i++) seen.push((at = points.nextSelection(picks, at, step)));
    assert.deepEqual(points.nextSelection(picks, at, step), seen[0]);
    return seen;
  };
  const forward = walk(1);
  assert.deepEqual(forward, points.selectables(picks));
  assert.deepEqual(walk(-1), [...forward].reverse());
  assert.equal(points.nextSelection(points.emptyPicks(), null, 1), null);
});

test("a selection ends with its point", () => {
  const picks = drawn();
  assert.ok(points.exists(picks, { kind: "pair", index: 1 }));
  assert.ok(!points.exists(picks, { kind: "pair", index: 2 }));
  assert.ok(!points.exists(picks, { kind: "mask", index: 2 }));
  assert.ok(!points.exists(picks, null));
});

test("a pair made with the keyboard lies inside the frame wherever it starts", () => {
  for (const x of [0, 100, 199]) {
    const { handle, target } = points.addPairAt(points.emptyPicks(SIZE), [x, 50]).pairs[0];
    assert.deepEqual(handle, [x, 50]);
    assert.equal(Math.abs(target[0] - x), 25);
  }
});
