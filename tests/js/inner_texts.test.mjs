import assert from "node:assert/strict";
import { test } from "node:test";
import { InnerTexts, nodeAt } from "../../js/inner_texts.mjs";

test("a subgraph's node has a line for each node inside, the newest above", () => {
  const texts = new InnerTexts();
  assert.deepEqual(texts.say("5:12", "Tune LoRA", "about 2 min to go"), [["5", "Tune LoRA: about 2 min to go"]]);
  texts.say("5:12", "Tune LoRA", "done in 100 s");
  const [[id, text]] = texts.say("5:14", "Drag", "about 40 s left");
  assert.equal(id, "5");
  assert.equal(text, "Drag: about 40 s left\nTune LoRA: done in 100 s");
  texts.start();
  assert.deepEqual(texts.say("5:14", "Drag", "again"), [["5", "Drag: again"]]);
});

test("every subgraph around a node hears of it, other subgraphs do not", () => {
  const texts = new InnerTexts();
  texts.say("6:1", "Drag", "elsewhere");
  assert.deepEqual(texts.say("5:7:1", "Drag", "here"), [
    ["5", "Drag: here"],
    ["5:7", "Drag: here"],
  ]);
  assert.deepEqual(texts.say("5", "Drag", "in no subgraph"), []);
});

test("a node is found by its execution id, through subgraphs", () => {
  const inner = { id: 12, type: "DragAVideo_Drag" };
  const graphOf = (...nodes) => ({ getNodeById: (id) => nodes.find((node) => node.id === id) ?? null });
  const root = graphOf({ id: 5, subgraph: graphOf(inner) });
  assert.equal(nodeAt("5:12", root), inner);
  assert.equal(nodeAt("5:13", root), null);
  assert.equal(nodeAt("4:12", root), null);
  assert.equal(nodeAt("5:12:1", root), null);
});
