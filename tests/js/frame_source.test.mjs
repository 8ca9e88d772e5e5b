import assert from "node:assert/strict";
import { test } from "node:test";

import * as source from "../../js/frame_source.mjs";

const widgets = (values) => Object.entries(values).map(([name, value]) => ({ name, value }));

/** A node whose inputs are wired to the given nodes: { input name: node or null }. */
function node(type, values = {}, wires = {}) {
  const names = Object.keys(wires);
  return {
    id: type,
    type,
    graph: {},
    widgets: widgets(values),
    inputs: names.map((name) => ({ name, link: wires[name] ? 1 : null })),
    getInputNode: (slot) => wires[names[slot]],
  };
}

const LOADER = {
  file: "cats/clip.mp4",
  width: 512,
  height: 256,
  select_every_nth: 3,
  skip_first_frames: 5,
  frame_load_cap: 16,
  force_rate: 0,
};

test("a file's name is taken apart as the server wants it", () => {
  assert.deepEqual(source.fileQuery("a.png"), { filename: "a.png", subfolder: "", type: "input" });
  assert.deepEqual(source.fileQuery("x/y/a b.png [output]"), { filename: "a b.png", subfolder: "x/y", type: "output" });
});

test("the file of the wired loader is found, also behind nodes that hand it on", () => {
  const loader = node("LoadVideo", { file: "clip.mp4" });
  const parts = node("GetVideoComponents", {}, { video: loader });
  const reroute = node("Reroute", {}, { "": parts });
  const found = source.describeSource(node("DragAVideo_Pick", {}, { other_points: null, video: reroute }));
  assert.equal(found.file.filename, "clip.mp4");
  assert.equal(found.isVideo, true);
  assert.equal(
    source.describeSource(node("Pick", {}, { image: node("LoadImage", { image: "a.png" }) })).isVideo,
    false,
  );
});

test("nothing is claimed where nothing is wired, or where an unknown node changes the picture", () => {
  assert.equal(source.describeSource(node("Pick", {}, { video: null })), null);
  assert.equal(source.describeSource(node("Pick", {}, {})), null);
  const scaled = node("ImageScale", {}, { image: node("LoadImage", { image: "a.png" }) });
  const found = source.describeSource(node("Pick", {}, { video: scaled }));
  assert.deepEqual([found.file, found.size], [undefined, null]);
});

test("a ring of reroutes ends", () => {
  const ring = node("Reroute", {}, { "": null });
  ring.inputs[0].link = 1;
  ring.getInputNode = () => ring;
  assert.equal(source.describeSource(node("Pick", {}, { video: ring })), null);
});

test("our loader's settings are mirrored, and each changes the key", () => {
  const describe = (values) => source.describeSource(node("Pick", {}, { video: node("DragAVideo_LoadVideo", values) }));
  const found = describe(LOADER);
  assert.deepEqual(found.size, [512, 256]);
  assert.deepEqual([found.every, found.skip, found.cap, found.rate], [3, 5, 16, 0]);
  assert.deepEqual(found.file, { filename: "clip.mp4", subfolder: "cats", type: "input" });
  for (const [name, value] of Object.entries({
    file: "b.mp4",
    width: 64,
    select_every_nth: 1,
    skip_first_frames: 0,
    frame_load_cap: 0,
    force_rate: 8,
  }))
    assert.notEqual(describe({ ...LOADER, [name]: value }).key, found.key, name);
  assert.equal(describe({ ...LOADER, width: 0, height: 0 }).size, null);
});

test("the demo clip's size and length are known without a file", () => {
  const found = source.describeSource(node("Pick", {}, { video: node("DragAVideo_DemoClip", { frames: 8, seed: 1 }) }));
  assert.deepEqual([found.file, found.size, found.frames], [undefined, [128, 128], 8]);
});

test("the cut-out has the clip's shape, is as large as possible and in the middle", () => {
  const { size, window } = source.cutOut([1920, 1080], { size: [512, 512], isFloored: false });
  assert.deepEqual(
    [size, window],
    [
      [512, 512],
      [420, 0, 1080, 1080],
    ],
  );
  assert.deepEqual(source.cutOut([100, 300], { size: [512, 256] }).window, [0, 125, 100, 50]);
});

test("at the file's own size the middle is taken, floored to multiples of 64", () => {
  assert.deepEqual(source.cutOut([640, 360], { size: null, isFloored: true }), {
    size: [640, 320],
    window: [0, 20, 640, 320],
  });
  assert.deepEqual(source.cutOut([640, 360], { size: null, isFloored: false }), {
    size: [640, 360],
    window: [0, 0, 640, 360],
  });
});

test("a clip's frame lies in the middle of its frame of the file", () => {
  const clip = { every: 3, skip: 2, rate: 0 };
  assert.equal(source.frameTime(0, clip, 10), 0.25);
  assert.equal(source.frameTime(4, clip, 10), 1.45);
  assert.equal(source.frameTime(4, { ...clip, rate: 5 }, 10), 2.9);
});

test("frames are counted as the loader counts them", () => {
  assert.equal(source.frameCount({ every: 1, skip: 0, cap: 0, rate: 0 }, 2, 25), 50);
  assert.equal(source.frameCount({ every: 3, skip: 2, cap: 0, rate: 0 }, 2, 25), 16);
  assert.equal(source.frameCount({ every: 3, skip: 2, cap: 8, rate: 0 }, 2, 25), 8);
  assert.equal(source.frameCount({ every: 1, skip: 0, cap: 0, rate: 10 }, 2, 25), 20);
  assert.equal(source.frameCount({ every: 1, skip: 500, cap: 0, rate: 0 }, 2, 25), 1);
  assert.equal(source.frameCount({ every: 1, skip: 0, cap: 0, rate: 0 }, 5.312, 25), 132); // 5.28 s of pictures, 5.312 s of sound
  assert.equal(source.frameCount({ every: 1, skip: 0, cap: 0, rate: 0 }, 5.279, 25), 132); // times in milliseconds
});

test("the frame rate is that of the shortest gaps: frames that were left out do no harm", () => {
  assert.ok(Math.abs(source.fpsFromTimes([0, 0.08, 0.16, 0.2, 0.28, 0.36]) - 25) < 1e-6);
  assert.ok(
    Math.abs(source.fpsFromTimes([0, 0.033, 0.067, 0.1, 0.167, 0.2]) - 30) < 0.1,
    "times in whole milliseconds",
  );
  assert.equal(source.fpsFromTimes([0, 0.04]), null);
});

test("the settings of the Propagate node that follows are used, through a reroute too", () => {
  const defaults = { set_side: 3, set_spacing: 8, mask_radius: 28 };
  const propagate = {
    id: 3,
    type: "DragAVideo_Propagate",
    widgets: widgets({ set_side: 5, set_spacing: 4, mask_radius: "?" }),
  };
  const reroute = { id: 2, type: "Reroute", outputs: [{ links: [2] }] };
  const nodes = { 2: reroute, 3: propagate };
  const links = { 1: { target_id: 2 }, 2: { target_id: 3 } };
  const graph = { getLink: (id) => links[id], getNodeById: (id) => nodes[id] };
  const picker = { id: 1, type: "DragAVideo_Pick", outputs: [{ links: null }, { links: [1] }] };
  assert.deepEqual(source.propagateSettings(picker, graph, defaults), { set_side: 5, set_spacing: 4, mask_radius: 28 });
  assert.deepEqual(source.propagateSettings({ outputs: [] }, graph, defaults), defaults);
});

test("a copy that is in no graph yet is asked nothing: ComfyUI throws where its links are looked up", () => {
  const copy = node("Pick", {}, { video: node("LoadVideo", { file: "a.mp4" }) });
  copy.graph = null;
  copy.getInputNode = () => {
    throw new Error("NullGraphError");
  };
  assert.equal(source.describeSource(copy), null);
});

test("to follow the points, Propagate Points and Displace have to run, wherever they are", () => {
  const graphOf = (nodes, links) => {
    const graph = { nodes, getLink: (id) => links[id], getNodeById: (id) => nodes.find((one) => one.id === id) };
    for (const one of nodes) one.graph = graph;
    return graph;
  };
  const pick = (to = [1]) => ({ id: 1, type: "DragAVideo_Pick", outputs: [{ links: to }] });
  const propagate = () => ({ id: 3, type: "DragAVideo_Propagate", outputs: [{ links: [2] }] });
  const displace = () => ({ id: 4, type: "DragAVideo_Displace", outputs: [] });
  const links = { 1: { target_id: 3 }, 2: { target_id: 4 } };

  const flat = graphOf([pick(), propagate(), displace()], links);
  assert.deepEqual(source.followingIds(flat.nodes[0], flat), ["3", "4"]);
  const alone = graphOf([pick(), { ...propagate(), outputs: [] }], links);
  assert.deepEqual(source.followingIds(alone.nodes[0], alone), ["3"]);
  assert.deepEqual(source.followingIds(graphOf([pick([])], {}).nodes[0], null), []);

  const inner = graphOf([propagate(), displace()], links);
  const outside = graphOf([pick(), { id: 7, type: "a-subgraph", subgraph: inner }], { 1: { target_id: 7 } });
  assert.deepEqual(source.followingIds(outside.nodes[0], outside), ["7:3", "7:4"]);
  const around = graphOf([{ id: 9, type: "a-subgraph", subgraph: flat }], {});
  assert.deepEqual(source.followingIds(flat.nodes[0], around), ["9:3", "9:4"]);
});
