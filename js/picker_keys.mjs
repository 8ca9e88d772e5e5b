/** What the keys do while the picker's stage has the focus. */

import { clampPoint } from "./geometry.mjs";
import { TOOLS } from "./picker_tools.mjs";
import * as points from "./points_state.mjs";
import { actOnKey, VIEW_KEYS } from "./shared_keys.mjs";

export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
export const LARGE_STEP = 10;

/** Handles a key on the stage; returns whether it meant something. */
export function pickerKey(picker, event) {
  if (event.altKey) return false;
  if (event.key === "Escape") return picker.dropArrow();
  if (event.ctrlKey || event.metaKey) return commandKey(picker, event);
  if (event.key in ARROWS) return nudge(picker, event);
  return actOnKey(PLAIN, picker, event);
}

function commandKey(picker, event) {
  if (event.key.toLowerCase() !== "d") return false;
  picker.duplicateSelected();
  return true;
}

/** A held arrow key is one step to undo, single presses are one each. */
function nudge(picker, event) {
  const { selection } = picker;
  if (!selection || !picker.isDrawable) return true;
  const [dx, dy] = ARROWS[event.key].map((step) => step * (event.shiftKey ? LARGE_STEP : 1));
  const key = `nudge ${selection.kind} ${selection.index} ${event.key}`;
  if (!event.repeat) picker.history.mergeKey = null;
  picker.edit(points.moveBy(picker.present, selection, dx, dy), { mergeKey: key });
  return true;
}

const PLAIN = {
  ...VIEW_KEYS,
  Delete: (picker) => picker.removeSelected(),
  Backspace: (picker) => picker.removeSelected(),
  "[": (picker) => selectNext(picker, -1),
  "]": (picker) => selectNext(picker, 1),
  ",": (picker) => picker.look(picker.frame - 1),
  ".": (picker) => picker.look(picker.frame + 1),
  "{": (picker) => picker.widenBrush(-1),
  "}": (picker) => picker.widenBrush(1),
  d: (picker) => picker.drawHere(),
  b: (picker) => picker.after.toggle(),
  ...Object.fromEntries(TOOLS.map(({ key, value }) => [key, (picker) => picker.setTool(value)])),
  n: (picker) => addInTheMiddle(picker),
  r: (picker) => picker.isFollowable && picker.present.pairs.length > 0 && picker.followPoints(),
};

/** Selects the next point and takes the tool that can move it. */
function selectNext(picker, step) {
  const next = points.nextSelection(picker.present, picker.selection, step);
  if (next) picker.setTool({ mask: "mask", pair: "pin" }[next.kind] ?? "arrow");
  picker.select(next);
}

function addInTheMiddle(picker) {
  const { present: picks, stage } = picker;
  if (!picker.isDrawable) return;
  const middle = clampPoint(stage.toPicture(stage.extent.map((side) => side / 2)), picks.size).map(Math.round);
  if (picker.tool === "mask")
    picker.edit(points.addMaskPoints(picks, [middle]), {
      selection: { kind: "mask", index: picks.mask_points.length },
    });
  else if (picker.tool === "pin")
    picker.edit(points.addPin(picks, middle), { selection: { kind: "pair", index: picks.pairs.length } });
  else picker.edit(points.addPairAt(picks, middle), { selection: { kind: "target", index: picks.pairs.length } });
}
