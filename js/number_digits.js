/**
 * Numbers in full: some pages round what Nodes 2.0 shows to three digits after the point, whatever the input's step, so
 * that a learning rate of 0.0005 reads 0.001. They do know how many digits are needed and show them when told to.
 */

import { app } from "../../scripts/app.js";

const OURS = /^DragAVideo_/;

app.registerExtension({
  name: "dragavideo.number_digits",
  nodeCreated(node) {
    if (!OURS.test(node.comfyClass)) return;
    for (const { options } of node.widgets ?? [])
      if (Number.isInteger(options?.precision)) options.maxFractionDigits = options.precision;
  },
});
