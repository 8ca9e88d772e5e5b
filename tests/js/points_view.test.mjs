import assert from "node:assert/strict";
import { test } from "node:test";

import { addMaskPoints, addPair, emptyPicks } from "../../js/points_state.mjs";
import * as view from "../../js/points_view.mjs";

const STAGE = [400, 300];
const SIZE = [200, 100];
const close = (a, b) => a.forEach((value, axis) => assert.ok(Math.abs(value - b[axis]) < 1e-9, `${a} is not ${b}`));

test("the fitting view shows the whole picture, centred", () => {
  const fit = view.fitView(STAGE, SIZE);
  assert.deepEqual(fit, { scale: 2, x: 0, y: 50 });
  close(view.toStage([-0.5, -0.5], fit), [0, 50]);
  close(view.toStage([199.5, 99.5], fit), [400, 250]);
});

test("stage and picture coordinates undo each other", () => {
  const some = { scale: 3.7, x: -20, y: 11 };
  close(view.toPicture(view.toStage([12.5, 80], some), some), [12.5, 80]);
});

test("zooming keeps the point under the pointer", () => {
  const fit = view.fitView(STAGE, SIZE);
  const at = [200, 150];
  const zoomed = view.zoomAt(fit, at, 2.5, STAGE, SIZE);
  assert.equal(zoomed.scale, 5);
  close(view.toPicture(at, zoomed), view.toPicture(at, fit));
});

test("zoom has a largest and a smallest scale", () => {
  const fit = view.fitView(STAGE, SIZE);
  assert.equal(view.zoomAt(fit, [0, 0], 1e9, STAGE, SIZE).scale, view.MAX_SCALE);
  assert.equal(view.zoomAt(fit, [0, 0], 1e-9, STAGE, SIZE).scale, fit.scale / 2);
});

test("a tiny picture on a large stage may still be shown whole", () => {
  const fit = view.fitView([4000, 4000], [64, 64]);
  assert.equal(view.zoomAt(fit, [0, 0], 1, [4000, 4000], [64, 64]).scale, fit.scale);
});

test("panning never loses the picture", () => {
  const zoomed = view.zoomAt(view.fitView(STAGE, SIZE), [200, 150], 4, STAGE, SIZE);
  const far = view.panBy(zoomed, 1e6, -1e6, STAGE, SIZE);
  assert.equal(far.x, 0);
  assert.equal(far.y, STAGE[1] - SIZE[1] * zoomed.scale);
});

test("two fingers moved apart zoom, moved together pan", () => {
  const start = view.zoomAt(view.fitView(STAGE, SIZE), [200, 150], 2, STAGE, SIZE);
  const wider = view.pinch(
    start,
    [
      [150, 150],
      [250, 150],
    ],
    [
      [100, 150],
      [300, 150],
    ],
    STAGE,
    SIZE,
  );
  assert.equal(wider.scale, start.scale * 2);
  close(view.toPicture([200, 150], wider), view.toPicture([200, 150], start));
  const moved = view.pinch(
    start,
    [
      [150, 150],
      [250, 150],
    ],
    [
      [160, 140],
      [260, 140],
    ],
    STAGE,
    SIZE,
  );
  close([moved.scale, moved.x - start.x, moved.y - start.y], [start.scale, 10, -10]);
});

test("the pointer finds ends first, then mask points, then the arrow's line", () => {
  const fit = view.fitView(STAGE, SIZE);
  let picks = addPair(emptyPicks(SIZE), [50, 50], [100, 50]);
  picks = addMaskPoints(picks, [
    [52, 50],
    [150, 80],
  ]);
  const at = (point) => view.hitTest(picks, fit, view.toStage(point, fit), 10);
  assert.deepEqual(at([50, 50]), { kind: "handle", index: 0 });
  assert.deepEqual(at([52, 50]), { kind: "handle", index: 0 });
  assert.deepEqual(at([100, 52]), { kind: "target", index: 0 });
  assert.deepEqual(at([150, 80]), { kind: "mask", index: 1 });
  assert.deepEqual(at([75, 51]), { kind: "pair", index: 0 });
  assert.equal(at([75, 60]), null);
  assert.equal(at([10, 10]), null);
});

test("of points on one spot the selected one is found, else the latest", () => {
  const fit = view.fitView(STAGE, SIZE);
  let picks = addPair(emptyPicks(SIZE), [50, 50], [100, 50]);
  picks = addPair(picks, [50, 50], [100, 90]);
  const at = view.toStage([50, 50], fit);
  assert.deepEqual(view.hitTest(picks, fit, at, 10), { kind: "handle", index: 1 });
  assert.deepEqual(view.hitTest(picks, fit, at, 10, { kind: "handle", index: 0 }), { kind: "handle", index: 0 });
});

test("a pin is hit as a whole, so that it is moved and never pulled apart", () => {
  const picks = addPair(emptyPicks([64, 64]), [20, 20], [20, 20]);
  const hit = view.hitTest(picks, { scale: 1, x: 0, y: 0 }, [21, 20], 8);
  assert.deepEqual(hit, { kind: "pair", index: 0 });
});
