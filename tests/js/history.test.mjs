import assert from "node:assert/strict";
import { test } from "node:test";

import { History } from "../../js/history.mjs";

test("undo goes back through every value and redo forward again", () => {
  const history = new History(0);
  for (const value of [1, 2, 3]) history.push(value);
  assert.deepEqual([history.undo(), history.undo(), history.undo(), history.undo()], [2, 1, 0, 0]);
  assert.ok(!history.canUndo);
  assert.deepEqual([history.redo(), history.redo(), history.redo(), history.redo()], [1, 2, 3, 3]);
  assert.ok(!history.canRedo);
});

test("a new value after an undo forgets the undone ones", () => {
  const history = new History("a");
  history.push("b");
  history.undo();
  history.push("c");
  assert.equal(history.redo(), "c");
  assert.equal(history.undo(), "a");
});

test("steps of one gesture are one step", () => {
  const history = new History(0);
  history.push(1, "nudge");
  history.push(2, "nudge");
  history.push(3, "slide");
  history.push(4);
  history.push(5);
  assert.deepEqual([history.undo(), history.undo(), history.undo(), history.undo()], [4, 3, 2, 0]);
});

test("a gesture after an undo is a step of its own", () => {
  const history = new History(0);
  history.push(1, "nudge");
  history.undo();
  history.push(2, "nudge");
  assert.equal(history.undo(), 0);
});

test("only the last steps are kept", () => {
  const history = new History(0, 2);
  for (const value of [1, 2, 3]) history.push(value);
  assert.deepEqual([history.undo(), history.undo(), history.undo()], [2, 1, 1]);
});

test("after a reset there is nothing to undo", () => {
  const history = new History(0);
  history.push(1);
  history.reset(7);
  assert.deepEqual([history.present, history.canUndo, history.canRedo], [7, false, false]);
});

test("a change of all steps is no step of its own", () => {
  const history = new History(1);
  history.push(2);
  history.push(3);
  history.undo();
  history.map((value) => 10 * value);
  assert.deepEqual([history.present, history.redo(), history.undo(), history.undo()], [20, 30, 20, 10]);
  assert.equal(history.canUndo, false);
});
