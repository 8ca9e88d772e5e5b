import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { aroundDrags, editMask } from "../../js/edit_mask.mjs";
import { roundHalfEven } from "../../js/geometry.mjs";
import { layerMesh, spacingFor } from "../../js/mesh.mjs";
import { withoutRims } from "../../js/regions.mjs";
import { HeldMesh, pullsOf } from "../../js/rigid.mjs";
import { backward, movingCells, trianglesOf, unfolded } from "../../js/warp.mjs";

/** What the core says: tests/js/mesh_numbers.py. */
const { cases: CASES, masks: MASKS } = JSON.parse(readFileSync(new URL("./mesh_numbers.json", import.meta.url)));
const NEAR = 0.002; // px; the file has three digits
const STILL = 1 / 32; // px: less is no move

function unpacked(runs) {
  const pixels = runs.flatMap((length, index) => Array(length).fill(index % 2));
  return Uint8Array.from(pixels);
}

const sums = (values, group) => {
  const found = [values.length / group, ...Array(group).fill(0)];
  values.forEach((value, at) => (found[1 + (at % group)] += value));
  return found;
};

/** The whole way, from masks and points to the bent mesh without folds. */
function bent(given) {
  const masks = Object.fromEntries(["mask", "layer", "region"].map((name) => [name, unpacked(given[name])]));
  const { size, spacing, origin, beyond } = given;
  const mesh = layerMesh({ ...masks, size, spacing, origin, beyond });
  const pulls = pullsOf(mesh, given.sets, size);
  const held = new HeldMesh(mesh, pulls, given.stiff);
  const raw = held.bend(pulls.moves, given.rounds);
  const triangles = trianglesOf(mesh);
  return { mesh, triangles, raw, moved: unfolded(mesh, triangles, raw, held.pulled) };
}

for (const [name, given] of Object.entries(CASES))
  test(`the page's mesh is the core's: ${name}`, () => {
    const { mesh, triangles, raw, moved } = bent(given);
    const [thing, mask] = [given.thing, given.mask].map(unpacked);
    if (given.has_layer) assert.deepEqual(withoutRims(thing, mask, given.size), unpacked(given.layer));
    assert.equal(spacingFor(given.size), given.spacing);
    assert.deepEqual(sums(mesh.vertices, 2), given.vertices);
    assert.deepEqual(sums(mesh.cells, 4), given.cells);
    assert.deepEqual(sums(mesh.edges, 2), given.edges);
    assert.deepEqual(mesh.held, unpacked(given.held));
    assert.equal(moved !== raw, given.had_folds);
    given.moved.forEach((value, at) => {
      const [vertex, axis] = [2 * (at >> 1), at & 1];
      const got = moved[2 * vertex + axis];
      assert.ok(Math.abs(got - value) <= NEAR, `vertex ${vertex}: ${got} is not ${value}`);
    });
    const map = backward(mesh, triangles, moved, given.size);
    const width = given.size[0];
    const isAway = (at) =>
      Math.max(Math.abs(map.x[at] - (at % width)), Math.abs(map.y[at] - Math.floor(at / width))) > STILL;
    assert.equal(map.lands.filter((is, at) => is && isAway(at)).length, given.moving);
    for (const [column, row, x, y] of given.places) {
      const [gotX, gotY] = [map.x, map.y].map((places) => places[row * width + column]);
      assert.ok(Math.hypot(gotX - x, gotY - y) <= NEAR, `pixel ${column}, ${row}: ${gotX}, ${gotY} is not ${x}, ${y}`);
    }
  });

test("another target needs no new factor: the same held mesh bends to what a fresh one says", () => {
  const given = CASES["one arrow, no layer"];
  const { mesh } = bent(given);
  const pulls = pullsOf(mesh, given.sets, given.size);
  const held = new HeldMesh(mesh, pulls, given.stiff);
  held.bend(pulls.moves, given.rounds);
  const other = pulls.moves.map(() => [-4, 5]);
  const fresh = new HeldMesh(mesh, pulls, given.stiff).bend(other, given.rounds);
  assert.deepEqual(held.bend(other, given.rounds), fresh);
});

test("a drag of length 0 moves nothing", () => {
  const given = CASES["one arrow, no layer"];
  const { mesh } = bent(given);
  const pulls = pullsOf(mesh, given.sets, given.size);
  const moved = new HeldMesh(mesh, pulls, given.stiff).bend(
    pulls.moves.map(() => [0, 0]),
    given.rounds,
  );
  assert.ok(!movingCells(mesh, moved).includes(1));
});

test("halves are rounded as Python rounds them", () => {
  assert.deepEqual([0.5, 1.5, 2.5, 2.4, 2.6].map(roundHalfEven), [0, 2, 2, 2, 3]);
});

test("without a mask, what lies near the drags may change: the core's mask", () => {
  for (const { size, pairs, mask } of MASKS) {
    const ends = pairs.map(([handle, target]) => ({ handle, target }));
    assert.deepEqual(aroundDrags(ends, size), unpacked(mask));
  }
});

test("where the thing is known, the mask takes it in near the handles: the core's mask", () => {
  for (const { size, pairs, thing, with_thing } of MASKS) {
    const ends = pairs.map(([handle, target]) => ({ handle, target }));
    const known = thing && unpacked(thing);
    assert.deepEqual(editMask({ mask_points: [], pairs: ends, size }, 0, known), unpacked(with_thing));
  }
  assert.ok(MASKS.filter(({ mask, with_thing }) => String(mask) !== String(with_thing)).length >= 4);
});
