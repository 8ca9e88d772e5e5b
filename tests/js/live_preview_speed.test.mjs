/** The picture keeps up with the mouse. Counted is the processor's time, which other programs of a busy machine do not add to. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { LivePreview } from "../../js/live_preview.mjs";
import { addPair, emptyPicks } from "../../js/points_state.mjs";

const SIDE = 512;
const PIXELS = { side: 3, spacing: 8, radius: 28 };
const LEAST = 30; // pictures a second
const FRAMES = 40;
const WARM = 10; // before which the code is not compiled yet

function picture() {
  const made = new Uint8ClampedArray(4 * SIDE * SIDE).fill(255);
  for (let at = 0; at < SIDE * SIDE; at++) made.set([at % 256, (at >> 9) % 256, (at * 7) % 251], 4 * at);
  return made;
}

function disc(x, y, radius) {
  const made = new Uint8Array(SIDE * SIDE);
  for (let at = 0; at < made.length; at++)
    if (Math.hypot((at % SIDE) - x, Math.floor(at / SIDE) - y) <= radius) made[at] = 255;
  return made;
}

/** Two pairs, the second of which is being drawn: its target has come `step` pixels far. */
function drawn(step, mask) {
  const picks = { ...emptyPicks([SIDE, SIDE]), mask_points: mask };
  return addPair(addPair(picks, [220, 230], [250, 215]), [300, 280], [300 + step, 280 + step / 2]);
}

const MASK = [150, 200, 250, 300, 350, 400].flatMap((x) => [150, 200, 250, 300, 350].map((y) => [x, y]));
const KINDS = {
  "a painted mask and a known thing": [MASK, disc(260, 255, 90)],
  "a painted mask alone": [MASK, null],
  "the mask that follows the arrows, and a known thing": [[], disc(260, 255, 90)],
  "the mask that follows the arrows alone": [[], null],
};

for (const [name, [mask, layer]] of Object.entries(KINDS))
  test(`at 512 x 512 with two pairs there are ${LEAST} pictures a second: ${name}`, () => {
    const [preview, given] = [new LivePreview(), picture()];
    const took = [];
    for (let step = 1; step <= WARM + FRAMES; step++) {
      const { user, system } = process.cpuUsage();
      assert.ok(preview.render(given, drawn(step, mask), PIXELS, layer));
      const now = process.cpuUsage({ user, system });
      took.push((now.user + now.system) / 1e6);
    }
    const each = took.slice(WARM).sort((a, b) => a - b)[FRAMES / 2];
    assert.ok(each < 1 / LEAST, `${(1000 * each).toFixed(1)} ms for a picture`);
  });
