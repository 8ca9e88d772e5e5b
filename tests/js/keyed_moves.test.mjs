import assert from "node:assert/strict";
import { test } from "node:test";

import * as keyed from "../../js/keyed_moves.mjs";
import * as points from "../../js/points_state.mjs";

const base = () => points.addPair(points.addPair(points.emptyPicks([64, 64]), [20, 24], [28, 20]), [44, 40], [52, 36]);
const near = (got, wanted) =>
  got.forEach((value, at) => assert.ok(Math.abs(value - wanted[at]) < 1e-9, `${got} is not ${wanted}`));

test("without keys the way is the same on every frame", () => {
  const picks = base();
  for (const frame of [0, 3, 30]) near(keyed.wayOn(picks, picks.pairs[1], frame), [8, -4]);
  assert.equal(keyed.strengthOn(picks, 5), 1);
});

test("keys are met, in between it is eased by the numbers of the core, and beyond them it stays", () => {
  const picks = keyed.withKey(base(), 1, 4, [0, 0]);
  const shares = [0, 1, 2, 3, 4, 9].map((frame) => keyed.wayOn(picks, picks.pairs[1], frame)[0] / 8);
  near(shares, [1, 1 - 0.15625, 0.5, 1 - 0.84375, 0, 0]); // tests/core/points/test_moves.py
  near(keyed.wayOn(picks, picks.pairs[0], 4), [8, -4]);
  const ramp = keyed.withStrength(keyed.withStrength(base(), 4, 1), 0, 0);
  near(
    [0, 1, 2, 3, 4, 5].map((frame) => keyed.strengthOn(ramp, frame)),
    [0, 0.15625, 0.5, 0.84375, 1, 1],
  );
  assert.deepEqual(keyed.atStrength({ ...ramp, frame: 2 }).pairs[0].target, [24, 22]);
});

test("texts with keys are version 3, those without stay what they were", () => {
  const picks = keyed.withStrength(keyed.withKey(base(), 0, 7, [1.234, -2]), 3, 0.5);
  const text = points.serialisePicks(picks);
  assert.equal(JSON.parse(text).version, 3);
  assert.deepEqual(JSON.parse(text).pairs[0].keys, [{ frame: 7, move: [1.23, -2] }]);
  const { picks: again, problem } = points.parsePicks(text);
  assert.equal(problem, null);
  assert.equal(points.serialisePicks(again), text);
  const taken = keyed.withStrength(keyed.withoutKey(picks, 0, 7), 3, null);
  assert.equal(JSON.parse(points.serialisePicks(taken)).version, 1);
  assert.deepEqual(keyed.keyedFrames(picks), [7, 3]);
});

test("what is no key is named", () => {
  const good = JSON.parse(points.serialisePicks(keyed.withKey(base(), 0, 7, [1, 2])));
  const withKeys = (keys) => JSON.stringify({ ...good, pairs: [{ ...good.pairs[0], keys }] });
  const key = { frame: 7, move: [1, 2] };
  for (const keys of [5, [5], [{ frame: 7 }], [{ frame: 0, move: [1, 2] }], [key, key], [{ frame: 7, move: [1, "x"] }]])
    assert.match(points.parsePicks(withKeys(keys)).problem, /keys/);
  for (const strength of [5, [[0]], [[0, 1.5]], [[0, 1], [0, 0]]]) // prettier-ignore
    assert.match(points.parsePicks(JSON.stringify({ ...good, strength })).problem, /strength/);
});

test("keys go along when a pair is moved, copied or rescaled, and make room when the points go to their frame", () => {
  const picks = keyed.withKey(base(), 0, 7, [4, 2]);
  assert.deepEqual(points.moveBy(picks, { kind: "pair", index: 0 }, 1, 1).pairs[0].keys[0].move, [4, 2]);
  assert.deepEqual(points.duplicate(picks, { kind: "pair", index: 0 }).picks.pairs[2].keys[0].move, [4, 2]);
  assert.deepEqual(points.rescale(picks, [128, 32]).pairs[0].keys[0].move, [8, 1]);
  assert.deepEqual(points.setFrame(picks, 7).pairs[0].keys, []);
  assert.deepEqual(points.clear(keyed.withStrength(picks, 1, 0.5)).strength, []);
});
