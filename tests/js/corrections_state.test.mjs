import assert from "node:assert/strict";
import { test } from "node:test";

import * as corrections from "../../js/corrections_state.mjs";

/** Tracks of one pair that goes 10 px right per frame, with sets of 3 points and the picks on frame `frame`. */
function tracksOf(frames, frame = 0) {
  const set = (x, y) => [
    [x - 2, y],
    [x, y],
    [x + 2, y],
  ];
  const all = Array.from({ length: frames }, (_, index) => index);
  return {
    size: [128, 64],
    frame,
    mask_radius: 7,
    handles: all.map((i) => [set(10 + 10 * i, 20)]),
    targets: all.map((i) => [set(10 + 10 * i, 50)]),
    mask_points: all.map(() => []),
  };
}

const SIZE = [128, 64];

test("text and corrections are two forms of the same thing", () => {
  const moves = corrections.withMove(corrections.withMove([], 3, 0, [1.5, 2]), 1, 1, [4, 5.25]);
  const made = { size: SIZE, moves };
  const text = corrections.serialiseCorrections(made);
  assert.deepEqual(corrections.parseCorrections(text), { corrections: made, problem: null });
  assert.deepEqual(JSON.parse(text), {
    version: 2,
    size: SIZE,
    moves: [
      { frame: 1, pair: 1, handle: [4, 5.25] },
      { frame: 3, pair: 0, handle: [1.5, 2] },
    ],
  });
});

test("the old form, without a size, is read and stays as it is until the size is known", () => {
  const old = '{"version":1,"moves":[{"frame":1,"pair":0,"handle":[4,5]}]}';
  const { corrections: read, problem } = corrections.parseCorrections(old);
  assert.deepEqual([read.size, read.moves.length, problem], [null, 1, null]);
  assert.equal(corrections.serialiseCorrections(read), old);
  const sized = corrections.rescaleCorrections(read, SIZE);
  assert.deepEqual(sized, { size: SIZE, moves: read.moves });
  assert.equal(JSON.parse(corrections.serialiseCorrections(sized)).version, 2);
});

test("in a clip of another size each handle keeps its place in the frame", () => {
  const moves = [
    [0, 0],
    [127, 63],
    [63.5, 31.5],
  ].map((handle, frame) => ({ frame, pair: 0, handle }));
  const there = corrections.rescaleCorrections({ size: SIZE, moves }, [256, 192]);
  assert.deepEqual(
    there.moves.map(({ handle }) => handle),
    [
      [0.5, 1],
      [254.5, 190],
      [127.5, 95.5],
    ],
  );
  assert.deepEqual(corrections.rescaleCorrections(there, SIZE), { size: SIZE, moves });
  for (const { handle } of corrections.rescaleCorrections({ size: SIZE, moves }, [64, 32]).moves)
    assert.ok(handle[0] >= 0 && handle[0] <= 63 && handle[1] >= 0 && handle[1] <= 31, "it stays inside");
});

test("no corrections are the empty text", () => {
  assert.equal(corrections.serialiseCorrections({ size: SIZE, moves: [] }), "");
  for (const nothing of ["", undefined])
    assert.deepEqual(corrections.parseCorrections(nothing), { corrections: { size: null, moves: [] }, problem: null });
});

test("what is no corrections text is named", () => {
  const move = { frame: 1, pair: 0, handle: [1, 2] };
  for (const text of [
    "{",
    "[]",
    "null",
    '{"version": 3, "size": [1, 1], "moves": []}',
    '{"version": 2, "moves": []}',
    '{"version": 2, "size": [0, 5], "moves": []}',
    '{"version": 1}',
    JSON.stringify({ version: 1, moves: [{ ...move, frame: -1 }] }),
    JSON.stringify({ version: 1, moves: [{ ...move, handle: [1] }] }),
  ]) {
    const { corrections: read, problem } = corrections.parseCorrections(text);
    assert.match(problem, /could not be read/, text);
    assert.deepEqual(read.moves, []);
  }
});

test("a frame and pair have one move: the last one made", () => {
  let moves = corrections.withMove([], 2, 0, [1, 1]);
  moves = corrections.withMove(moves, 2, 0, [9, 9]);
  assert.deepEqual(moves, [{ frame: 2, pair: 0, handle: [9, 9] }]);
  assert.deepEqual(corrections.withoutMove(moves, 2, 1), moves);
  assert.deepEqual(corrections.withoutMove(moves, 2, 0), []);
});

test("the middle of a set stands for it", () => {
  assert.deepEqual(corrections.pairsOf(tracksOf(3), 2), [{ handle: [30, 20], target: [30, 50] }]);
});

test("a move waits until a run has put the handle there", () => {
  const tracks = tracksOf(4);
  const moves = [{ frame: 2, pair: 0, handle: [33, 26] }];
  assert.deepEqual(corrections.pending(tracks, moves), moves);
  assert.deepEqual(corrections.pending(tracks, [{ frame: 2, pair: 0, handle: [30.3, 20] }]), []);
});

test("until then the handle is shown shifted on that frame and all beyond, not before", () => {
  const moves = [{ frame: 2, pair: 0, handle: [33, 26] }];
  const shifts = [0, 1, 2, 3, 4].map((frame) => corrections.pendingShift(tracksOf(5), moves, frame, 0));
  assert.deepEqual(shifts, [
    [0, 0],
    [0, 0],
    [3, 6],
    [3, 6],
    [3, 6],
  ]);
  const backward = [0, 1, 2, 3, 4].map((frame) => corrections.pendingShift(tracksOf(5, 4), moves, frame, 0));
  assert.deepEqual(backward, [
    [3, 6],
    [3, 6],
    [3, 6],
    [0, 0],
    [0, 0],
  ]);
});

test("a later move takes over from an earlier one, also when the run knew it", () => {
  const moves = [
    { frame: 1, pair: 0, handle: [21, 21] },
    { frame: 3, pair: 0, handle: [40, 20] },
  ];
  const shifts = [1, 2, 3, 4].map((frame) => corrections.pendingShift(tracksOf(5), moves, frame, 0));
  assert.deepEqual(shifts, [
    [1, 1],
    [1, 1],
    [0, 0],
    [0, 0],
  ]);
});

test("moves that the run would refuse are found", () => {
  const good = { frame: 2, pair: 0, handle: [1, 1] };
  const bad = [
    { frame: 9, pair: 0, handle: [1, 1] },
    { frame: 1, pair: 4, handle: [1, 1] },
    { frame: 0, pair: 0, handle: [1, 1] },
  ];
  assert.deepEqual(corrections.misplaced(tracksOf(4), [good, ...bad]), bad);
});
