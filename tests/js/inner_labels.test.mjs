import assert from "node:assert/strict";
import { test } from "node:test";
import { labelLikeInside } from "../../js/inner_labels.mjs";

/** A subgraph's node with one knob `mask_radius`, which is `label` outside and "mask radius" on a node of `type` inside. */
function around(label, type = "DragAVideo_Propagate") {
  const inner = { name: "mask_radius", label: "mask radius" };
  const inputs = [{ name: "mask_radius", getConnectedWidgets: () => [inner] }, { name: "video", getConnectedWidgets: () => [] }];
  return { subgraph: { inputs, nodes: [{ type, widgets: [inner] }] }, widgets: [{ name: "mask_radius", label }] };
}

function labelled(node) {
  labelLikeInside(node);
  return node.widgets[0].label;
}

test("a knob that is called by its id is called as inside", () => {
  assert.equal(labelled(around("mask_radius")), "mask radius");
  assert.equal(labelled(around(undefined)), "mask radius");
});

test("a knob that somebody has named, and those of other packs, stay as they are", () => {
  assert.equal(labelled(around("how far")), "how far");
  assert.equal(labelled(around("mask_radius", "SomebodysNode")), "mask_radius");
});

test("nodes that are no subgraph, and pages that know of no knobs inside, are left alone", () => {
  labelLikeInside({ widgets: [{ name: "seed" }] });
  labelLikeInside({});
  const old = around("mask_radius");
  delete old.subgraph.inputs[0].getConnectedWidgets;
  assert.equal(labelled(old), "mask_radius");
});
