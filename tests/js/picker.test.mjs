import { fire, labelled } from "./fake_page.mjs";

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { PointPicker } from "../../js/picker.mjs";
import { DEFAULT_SETTINGS } from "../../js/points_meaning.mjs";

const SIZE = 512; // the stage is so large that a pixel of the picture is one of the screen
const MARGIN = 6;
const FRAMES = [0, 1, 2, 3].map((index) => ({ filename: `${index}.jpg`, subfolder: "", type: "temp" }));

let picker, told, followed, found, isFollowable, runs;
beforeEach(() => {
  told = [];
  followed = found = null;
  isFollowable = false;
  runs = 0;
  const hooks = { onChange: (text) => told.push(text), viewUrl: ({ filename }) => filename };
  const readGraph = () => ({ source: null, settings: DEFAULT_SETTINGS, followed, found, isFollowable });
  picker = new PointPicker({ ...hooks, readGraph, follow: () => (runs += 1) });
  picker.executed({ drag_a_video_frames: FRAMES, drag_a_video_size: [[SIZE, SIZE]] });
});

const data = () => (picker.value ? JSON.parse(picker.value) : null);
const mouse = (type, [x, y], more) =>
  fire(picker.stage.element, type, { clientX: x + 0.5 + MARGIN, clientY: y + 0.5 + MARGIN, ...more });

function drag(from, ...way) {
  mouse("pointerdown", from);
  for (const at of way) mouse("pointermove", at);
  mouse("pointerup", way.at(-1) ?? from);
}

const click = (at) => drag(at);
const key = (name) => fire(picker.stage.keys, "keydown", { key: name });

/** Undo gives `before` again, redo what was there. */
function canBeUndone(before) {
  const after = picker.value;
  assert.notEqual(after, before);
  picker.undo();
  const undone = picker.value;
  picker.redo();
  assert.equal(picker.value, after);
  assert.deepEqual(undone ? JSON.parse(undone).pairs : [], before ? JSON.parse(before).pairs : []);
}

test("a drag makes an arrow, and so do two clicks", () => {
  drag([100, 100], [120, 100], [150, 90]);
  assert.deepEqual(data().pairs, [{ handle: [100, 100], target: [150, 90] }]);
  const before = picker.value;
  click([200, 300]);
  assert.equal(picker.value, before, "one click alone makes nothing");
  click([260, 320]);
  assert.deepEqual(data().pairs[1], { handle: [200, 300], target: [260, 320] });
  canBeUndone(before);
});

test("the first click is taken back by Escape, by another tool and by looking elsewhere", () => {
  for (const act of [() => key("Escape"), () => key("m"), () => picker.look(1)]) {
    click([200, 300]);
    assert.deepEqual(picker.arrowStart, [200, 300]);
    act();
    assert.equal(picker.arrowStart, null);
    picker.look(0);
    key("a");
  }
  assert.equal(data(), null);
});

test("a click with the pin tool makes a pin, without a warning; a drag of it moves it as a whole", () => {
  key("p");
  click([100, 100]);
  assert.deepEqual(data().pairs, [{ handle: [100, 100], target: [100, 100] }]);
  assert.deepEqual(picker.warned, []);
  let before;
  for (const tool of ["p", "a"]) {
    before = picker.value;
    key(tool);
    const { handle } = data().pairs[0];
    drag(handle, [handle[0] + 10, handle[1]], [handle[0] + 30, handle[1] + 5]);
    const [pin] = data().pairs;
    assert.deepEqual(pin.handle, [handle[0] + 30, handle[1] + 5]);
    assert.deepEqual(pin.target, pin.handle);
  }
  canBeUndone(before);
});

test("the slider looks at other frames and moves nothing; a button of its own draws there", async () => {
  drag([100, 100], [150, 90]);
  const before = picker.value;
  const changes = told.length;
  const slider = labelled(picker.root, "Frame to look at");
  slider.value = "2";
  fire(slider, "input");
  assert.deepEqual([picker.frame, picker.value, told.length], [2, before, changes]);
  assert.equal(picker.frameLabel.textContent, "frame 3 of 4");
  drag([300, 300], [350, 300]);
  click([100, 100]);
  key("ArrowRight");
  key("n");
  assert.equal(picker.value, before, "nothing is drawn or moved there");
  picker.drawHere();
  assert.equal(data().frame, 2);
  drag([300, 300], [350, 300]);
  assert.equal(data().pairs.length, 2);
  picker.undo();
  picker.undo();
  assert.deepEqual([data().frame, picker.frame], [0, 0], "undo goes back to the frame that the points are on");
});

test("mask, strokes and eraser: each is one step to undo, and nothing else is touched", () => {
  drag([100, 100], [150, 90]);
  for (const [tool, list] of [
    ["m", "mask_points"],
    ["t", "strokes"],
    ["g", "strokes"],
  ]) {
    key(tool);
    const before = data();
    drag([200, 200], [230, 200], [260, 210]);
    const after = data();
    assert.ok(after[list].length > (before[list]?.length ?? 0), tool);
    assert.deepEqual(after.pairs, before.pairs);
    picker.undo();
    assert.deepEqual(data(), before);
    picker.redo();
    assert.deepEqual(data(), after);
  }
  assert.deepEqual(
    data().strokes.map(({ kind }) => kind),
    ["thing", "ground"],
  );
  key("e");
  const before = data();
  drag([450, 450], [480, 480]);
  assert.deepEqual(data(), before, "there was nothing to erase");
  for (let step = 0; step < 8; step++) key("}");
  drag([200, 200], [230, 205], [262, 212]);
  assert.deepEqual([data().mask_points, data().strokes], [[], undefined]);
  assert.deepEqual(data().pairs, before.pairs);
  picker.undo();
  assert.deepEqual(data(), before);
});

test("a wider brush paints more of the mask", () => {
  key("m");
  click([200, 200]);
  const one = data().mask_points.length;
  picker.undo();
  for (let step = 0; step < 5; step++) key("}");
  click([200, 200]);
  assert.equal(one, 1);
  assert.ok(data().mask_points.length >= 9);
});

test("the mask can be cleared alone", () => {
  drag([100, 100], [150, 90]);
  key("m");
  click([200, 200]);
  const { pairs } = data();
  picker.askToClear();
  const answer = picker.status.question.children.find((one) => one.value === "Mask");
  fire(answer, "click");
  assert.deepEqual([data().pairs, data().mask_points], [pairs, []]);
});

test("a drag is shown by the layer that the last run found, if it is of this frame and size", async () => {
  const on = (frame) => ({ drag_a_video_layer_frame: [frame], drag_a_video_layer: [{ filename: "layer.jpg" }] });
  for (const [given, size, expected] of [
    [on(0), SIZE, "layer.jpg"],
    [on(1), SIZE, undefined],
    [on(0), 64, undefined],
    [null, SIZE, undefined],
  ]) {
    found = given;
    picker.run.size = [size, size];
    picker.after.start();
    await new Promise((resolve) => setTimeout(resolve));
    assert.equal(picker.after.layer?.src, expected);
    assert.equal(Boolean(picker.after.tint), expected !== undefined);
  }
});

test("the box that the last run of a film looked at is shown, if it is of this frame and size", async () => {
  for (const [frame, size, expected] of [
    [0, SIZE, [30, 20, 200, 100]],
    [1, SIZE, null],
    [0, 64, null],
  ]) {
    found = { drag_a_video_box: [[frame, 30, 20, 200, 100]] };
    picker.run.size = [size, size];
    await picker.after.look();
    assert.deepEqual(picker.after.box, expected);
  }
});

test("the layer of the last run is trusted until other strokes are painted", async () => {
  drag([100, 100], [150, 90]);
  key("t");
  click([200, 200]);
  assert.deepEqual(data().strokes.at(-1).points.length, 1, "a click is a stroke of one point");
  found = { drag_a_video_layer_frame: [0], drag_a_video_layer: [{ filename: "found.jpg" }] };
  picker.executed({});
  picker.refresh();
  await new Promise((resolve) => setTimeout(resolve));
  const painted = [];
  picker.after.canvas = { of: (picture, { strokes }) => painted.push(strokes.length) };
  picker.after.isWanted = true;
  picker.after.shown({});
  key("g");
  click([300, 200]);
  picker.after.shown({});
  assert.deepEqual(painted.slice(0, 1).concat(painted.slice(-1)), [0, 2]);
});

test("points that were being drawn when a film of another size was read are fitted to it all the same", async () => {
  const film = { file: { filename: "film.mp4" }, isVideo: true, key: "film" };
  picker.readGraph = () => ({ source: film, settings: DEFAULT_SETTINGS, followed, isFollowable });
  picker.pictures = { ofSource: async () => ({ picture: {}, size: [256, 128], frames: 4 }) };
  mouse("pointerdown", [128, 256]);
  mouse("pointermove", [256, 256]);
  picker.refresh();
  await new Promise((resolve) => setTimeout(resolve));
  mouse("pointermove", [256, 384]);
  mouse("pointerup", [256, 384]);
  assert.deepEqual(data().size, [256, 128]);
  assert.ok(data().pairs[0].handle.every((value, axis) => Math.abs(value - [64, 64][axis]) <= 1), data().pairs[0].handle);
});

test("while a frame of another size is read, the points are fitted once and not back again", async () => {
  let size = [256, 128];
  const film = () => ({ file: { filename: "film.mp4" }, isVideo: true, size, key: `film ${size}` });
  picker.readGraph = () => ({ source: film(), settings: DEFAULT_SETTINGS, followed, isFollowable });
  picker.pictures = { ofSource: async (source) => ({ picture: {}, size: source.size, frames: 4 }) };
  picker.refresh();
  await new Promise((resolve) => setTimeout(resolve));
  drag([100, 256], [150, 256]);
  size = [512, 256];
  told.length = 0;
  picker.refresh();
  picker.refresh();
  assert.deepEqual([told.length, data().size], [1, [512, 256]]);
});

test("B shows before and after: the other of the two in a drag, and for good at rest", () => {
  mouse("pointerdown", [100, 100]);
  mouse("pointermove", [130, 100]);
  assert.ok(picker.after.dragged);
  key("b");
  assert.deepEqual([picker.after.isOff, picker.after.isWanted], [true, false]);
  mouse("pointerup", [130, 100]);
  assert.equal(picker.after.dragged, null);
  key("b");
  assert.equal(picker.after.isWanted, true);
  mouse("pointerdown", [300, 300]);
  assert.equal(picker.after.isOff, false, "the next drag is shown again");
});

test("the points are followed from a button, once there are points and something follows them", () => {
  assert.equal(picker.followButton.element.hidden, true, "nothing follows them");
  isFollowable = true;
  picker.refresh();
  assert.equal(picker.followButton.element.hidden, false);
  assert.equal(picker.followButton.element.disabled, true, "there are no points");
  key("r");
  assert.equal(runs, 0);
  drag([100, 100], [200, 200]);
  assert.equal(picker.followButton.element.disabled, false);
  fire(picker.followButton.element, "click");
  key("r");
  assert.equal(runs, 2);
  assert.match(picker.status.text ?? picker.info, /Following/);
});

/** As Propagate Points puts them out: one pair, its handle 10 px further right in each frame. */
function tracksOf(target = [200, 160]) {
  const sets = (x, y) => [0, 1, 2, 3].map((frame) => [[[x + 10 * frame, y]]]);
  return {
    drag_a_video_tracks: [
      { frame: 0, size: [SIZE, SIZE], handles: sets(100, 100), targets: sets(...target), mask_points: [] },
    ],
  };
}

test("once the points were followed, a target can be set on another frame and taken back", () => {
  drag([100, 100], [200, 160]);
  picker.look(2);
  drag([220, 160], [300, 300]);
  assert.equal(data().pairs[0].keys, undefined, "nothing is known of that frame yet");
  followed = tracksOf();
  picker.look(2);
  assert.match(picker.note.textContent, /Drag a target/);
  const before = picker.value;
  drag([220, 160], [260, 150], [250, 140]);
  assert.deepEqual(data().pairs[0].keys, [{ frame: 2, move: [130, 40] }]);
  assert.deepEqual(data().pairs[0].target, [200, 160], "the picked frame's own target stays");
  canBeUndone(before);
  drag([250, 140], [250, 140]);
  key("Delete");
  assert.equal(data().pairs[0].keys, undefined);
});

test("the strength of a frame is set in the full window and taken back", () => {
  drag([100, 100], [200, 160]);
  picker.look(3);
  assert.equal(picker.strength.element.hidden, true, "there is no room for it in the node");
  Object.defineProperty(picker.window, "isOpen", { value: true }); // the page's dialog is not here
  picker.show();
  assert.equal(picker.strength.element.hidden, false);
  const slider = labelled(picker.strength.element, "Strength on this frame");
  slider.value = "40";
  fire(slider, "input", {});
  assert.deepEqual(data().strength, [[3, 0.4]]);
  assert.equal(data().version, 3);
  picker.undo();
  assert.equal(data().strength, undefined);
});

const LONG = {
  drag_a_video_frames: FRAMES,
  drag_a_video_first: [100],
  drag_a_video_count: [250],
  drag_a_video_size: [[SIZE, SIZE]],
};

test("of a long film it says how much is shown, until something is drawn", () => {
  picker.executed(LONG);
  assert.equal(picker.status.said.textContent, "The film has 250 frames. This run shows 101 to 104.");
  drag([10, 10], [60, 60]);
  assert.equal(picker.status.said.textContent, "");
});

test("of a long film the frames that a run saved are shown, and the others from the file", async () => {
  const asked = [];
  const note = (name) => async (what, index) => (asked.push([name, index ?? what.filename]), { picture: {}, size: [SIZE, SIZE] });
  picker.pictures = { ofRun: note("run"), ofSource: note("file") };
  picker.readGraph = () => ({ source: { key: null, file: {} }, settings: DEFAULT_SETTINGS });
  picker.executed(LONG);
  picker.look(102);
  picker.look(249);
  await Promise.resolve();
  assert.deepEqual(asked, [["file", 0], ["run", FRAMES[2].filename], ["file", 249]]);
  picker.pictures = { ofRun: note("run"), ofSource: () => Promise.reject(new Error()) };
  picker.look(7);
  await new Promise((done) => setTimeout(done));
  assert.match(picker.missing, /frames 101 to 104.*Draw on this frame/);
});
