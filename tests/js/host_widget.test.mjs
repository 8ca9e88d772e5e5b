import { makeElement } from "./fake_page.mjs";

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { register } from "../../js/host_widget.mjs";

const OUTPUT = { frames: [1] };
let app, api, extension, made;

/** A widget that notes what it is told. */
function makeWidget() {
  made = { root: makeElement("div"), value: "", outputs: [], isStarted: false, refreshed: 0 };
  made.refresh = () => made.refreshed++;
  made.executed = (output) => made.outputs.push(output);
  made.start = () => (made.isStarted = true);
  made.stop = () => (made.isStarted = false);
  return made;
}

beforeEach(() => {
  const listeners = new Set();
  app = { nodeOutputs: {}, registerExtension: (one) => (extension = one) };
  api = {
    listeners,
    apiURL: (path) => path,
    addEventListener: (_, listener) => listeners.add(listener),
    removeEventListener: (_, listener) => listeners.delete(listener),
  };
  register({ app, api }, "test", "TEST", 100, makeWidget);
});

/** A node with our widget, as the page makes it: not in a graph yet. */
function build(id = 7) {
  const node = { id, graph: null, addDOMWidget: () => ({}) };
  extension.getCustomWidgets().TEST(node, "points", []);
  return node;
}

function add(node, graph) {
  node.graph = graph;
  node.onAdded();
}

test("a copy that never gets into a graph leaves nothing behind", () => {
  build();
  assert.equal(api.listeners.size, 0);
  assert.equal(made.isStarted, false);
});

test("a node listens while it is in a graph, also one that was taken out and put back", () => {
  const node = build();
  for (let time = 0; time < 2; time++) {
    add(node, {});
    assert.deepEqual([api.listeners.size, made.isStarted], [1, true]);
    node.onRemoved();
    node.graph = null;
    assert.deepEqual([api.listeners.size, made.isStarted], [0, false]);
  }
});

test("outputs that come back after the node was configured are shown", () => {
  const node = build();
  add(node, {});
  node.onConfigure();
  assert.deepEqual(made.outputs, []);
  app.nodeOutputs = { 7: OUTPUT };
  extension.onNodeOutputsUpdated(app.nodeOutputs);
  assert.deepEqual(made.outputs, [OUTPUT]);
  node.onRemoved();
  extension.onNodeOutputsUpdated(app.nodeOutputs);
  assert.equal(made.outputs.length, 1);
});

test("in a subgraph, outputs are the node's own and not those of its namesake outside", () => {
  const root = {};
  root.rootGraph = root;
  add(build(), { id: "sub", rootGraph: root });
  app.nodeOutputs = { 7: { frames: [] }, "sub:7": OUTPUT };
  extension.onNodeOutputsUpdated(app.nodeOutputs);
  assert.deepEqual(made.outputs, [OUTPUT]);
});
