import assert from "node:assert/strict";
import { test } from "node:test";

import { brushed, erased, isCovered } from "../../js/mask_brush.mjs";

const RADIUS = 7;

test("a brush covers its whole square and nothing beyond it, whatever its width", () => {
  for (const brush of [3, RADIUS, 10, 25, 60]) {
    const reach = Math.max(brush, RADIUS);
    const mask = brushed([], [100, 80], brush, RADIUS);
    for (let dx = -reach; dx <= reach; dx += 1)
      for (let dy = -reach; dy <= reach; dy += 1)
        assert.ok(isCovered([100 + dx, 80 + dy], mask, RADIUS), `${dx} ${dy}`);
    for (const beyond of [reach + 1, -reach - 1])
      assert.ok(!isCovered([100 + beyond, 80], mask, RADIUS) && !isCovered([100, 80 + beyond], mask, RADIUS));
  }
});

test("painting the same place twice adds nothing", () => {
  const mask = brushed([], [50, 50], 30, RADIUS);
  assert.deepEqual(brushed(mask, [50, 50], 30, RADIUS), []);
});

test("the eraser takes the points under it and no others", () => {
  const mask = [
    [50, 50],
    [58, 50],
    [61, 50],
  ];
  assert.deepEqual(erased(mask, [50, 50], 10), [[61, 50]]);
});
