import { fire, labelled } from "./fake_page.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";

import { ComparePlayer } from "../../js/compare.mjs";

const saved = (name) => [0, 1, 2].map((index) => ({ filename: `${name}${index}.jpg`, subfolder: "", type: "temp" }));
const OUTPUT = {
  drag_a_video_original: saved("a"),
  drag_a_video_edited: saved("b"),
  drag_a_video_fps: [50],
  drag_a_video_size: [[512, 512]],
};

function player() {
  const changes = [];
  const made = new ComparePlayer({ onChange: (text) => changes.push(text), viewUrl: ({ filename }) => filename });
  return { made, changes };
}

test("it asks to be run, then shows both pictures of the same frame", async () => {
  const { made } = player();
  assert.match(made.note.textContent, /Press Run/);
  made.executed(OUTPUT);
  await made.goTo(1);
  assert.deepEqual([made.picture.src, made.edited.src], ["a1.jpg", "b1.jpg"]);
  assert.equal(made.frameLabel.textContent, "frame 2 of 3");
});

test("the line follows the mouse and the arrow keys, and stays inside the picture", () => {
  const { made, changes } = player();
  made.executed(OUTPUT);
  const mouse = (type, x) => fire(made.stage.element, type, { clientX: x + 6, clientY: 100 });
  mouse("pointerdown", 128);
  assert.equal(made.wipe, 0.25);
  mouse("pointermove", 384);
  assert.equal(made.wipe, 0.75);
  mouse("pointermove", 9999);
  mouse("pointerup", 9999);
  assert.equal(made.wipe, 1);
  fire(made.stage.keys, "keydown", { key: "ArrowLeft" });
  assert.equal(made.wipe, 0.98);
  made.undo();
  made.redo();
  assert.deepEqual(changes, [], "nothing of it is saved in the workflow");
});

test("the slider goes where it is dragged while it plays, and playing stops", () => {
  const { made } = player();
  made.executed(OUTPUT);
  made.play();
  assert.ok(made.isPlaying);
  const slider = labelled(made.root, "Frame");
  slider.value = "2";
  fire(slider, "input");
  assert.deepEqual([made.frame, made.isPlaying], [2, false]);
});

test("frames that do not pair up are not shown", () => {
  const { made } = player();
  made.executed({ ...OUTPUT, drag_a_video_edited: [] });
  assert.equal(made.count, 0);
});

test("playing shows one frame after the other, and waits for pictures that are slow", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const { made } = player();
  made.executed(OUTPUT);
  await made.goTo(0);
  const shown = [];
  made.goTo = async (frame) => shown.push((made.frame = frame));
  made.play(true);
  for (let tick = 0; tick < 3; tick++) {
    context.mock.timers.tick(34);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(shown, [1, 2, 0]);
  let release;
  made.goTo = () => new Promise((resolve) => ((release = resolve), shown.push("slow")));
  context.mock.timers.tick(34);
  context.mock.timers.tick(34);
  assert.equal(shown.filter((one) => one === "slow").length, 1);
  release();
  made.stop();
});
