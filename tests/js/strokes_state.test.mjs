import assert from "node:assert/strict";
import { test } from "node:test";

import { addPair, clear, emptyPicks, isBlank, parsePicks, rescale, serialisePicks } from "../../js/points_state.mjs";
import * as strokes from "../../js/strokes_state.mjs";

const SIZE = [200, 100];
const LINE = [
  [10, 50],
  [20, 50],
  [30, 50],
  [40, 50],
  [50, 50],
];
const drawn = () => ({ ...emptyPicks(SIZE), strokes: strokes.withStroke([], "thing", 4, LINE, SIZE) });

test("strokes are part of the text, in version 2; without any it is the version that older packs read", () => {
  const picks = drawn();
  const data = JSON.parse(serialisePicks(picks));
  assert.equal(data.version, 2);
  assert.deepEqual(data.strokes, [{ kind: "thing", radius: 4, points: LINE }]);
  assert.deepEqual(parsePicks(serialisePicks(picks)).picks, picks);
  const without = JSON.parse(serialisePicks(clear(picks)));
  assert.deepEqual([without.version, without.strokes], [1, undefined]);
});

test("hostile strokes are named, and give no picks", () => {
  const data = JSON.parse(serialisePicks(drawn()));
  const [stroke] = data.strokes;
  for (const wrong of [
    {},
    [null],
    [{ ...stroke, kind: "sky" }],
    [{ ...stroke, radius: 0 }],
    [{ ...stroke, radius: "4" }],
    [{ ...stroke, points: [] }],
    [{ ...stroke, points: [[1, NaN]] }],
    [{ ...stroke, points: Array(501).fill([1, 1]) }],
    Array(201).fill(stroke),
  ]) {
    const { picks, problem } = parsePicks(JSON.stringify({ ...data, strokes: wrong }));
    assert.match(problem, /strokes/);
    assert.ok(isBlank(picks));
  }
});

test("a long stroke is kept whole, in pieces that go on from one another, all inside the frame", () => {
  const long = Array.from({ length: 1200 }, (_, index) => [index / 4 - 20, 50]);
  const pieces = strokes.withStroke([], "ground", 3, long, SIZE);
  assert.deepEqual(
    pieces.map(({ points }) => points.length),
    [500, 500, 202],
  );
  assert.deepEqual(pieces[1].points[0], pieces[0].points[499]);
  assert.deepEqual(pieces[2].points.at(-1), [199, 50]);
  const picks = { ...emptyPicks(SIZE), strokes: pieces };
  assert.equal(parsePicks(serialisePicks(picks)).problem, null);
  let many = [];
  for (let count = 0; count < 250; count++) many = strokes.withStroke(many, "thing", 3, LINE, SIZE);
  assert.equal(many.length, strokes.MOST_STROKES);
});

test("the eraser cuts a stroke in two and leaves the others as they are", () => {
  const [one] = drawn().strokes;
  const far = { ...one, points: [[150, 20]] };
  const left = strokes.withoutNear([one, far], [30, 50], 6);
  assert.deepEqual(
    left.map(({ points }) => points),
    [LINE.slice(0, 2), LINE.slice(3), far.points],
  );
  assert.equal(strokes.withoutNear(left, [100, 90], 6), left, "nothing there: no step to undo");
  assert.deepEqual(strokes.withoutNear([one], [30, 50], 100), []);
});

test("strokes keep their places and their share of the frame when its size changes", () => {
  const [stroke] = rescale(drawn(), [400, 200]).strokes;
  assert.equal(stroke.radius, 8);
  assert.deepEqual(stroke.points[0], [20.5, 100.5]);
  const [back] = rescale(rescale(drawn(), [400, 200]), SIZE).strokes;
  assert.deepEqual(back, drawn().strokes[0]);
});

test("mask, strokes and points can be cleared one without the others", () => {
  const picks = { ...addPair(drawn(), [1, 1], [9, 9]), mask_points: [[5, 5]] };
  const left = clear(picks, { pairs: false, strokes: false });
  assert.deepEqual([left.pairs.length, left.mask_points.length, left.strokes.length], [1, 0, 1]);
  assert.ok(isBlank(clear(picks)));
});
