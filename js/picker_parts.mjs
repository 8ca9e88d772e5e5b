/** The elements that the point picker is made of, wired to its actions. */

import { choice, element, toggle } from "./dom.mjs";
import { actionsOn, frameSlider, sharedButtons, stageParts, toolbar, windowOf } from "./editor_parts.mjs";
import { PairsList } from "./pairs_list.mjs";
import * as points from "./points_state.mjs";

const LABEL =
  "Points on the frame. N makes a pair, brackets select a point, arrow keys move it, F opens the full window.";
const FRAME = "Frame that the points sit on";
const EXPAND = ["expand", "Full-window editor (F)"];

/** `{ stage, note, list, status, tools, buttons, listToggle, frameRow, slider, frameLabel, window }` for a picker. */
export function pickerParts(picker) {
  const { stage, note, status } = stageParts(LABEL, picker);
  const list = pairsList(picker);
  const { bar, ...tools } = toolbarFor(picker, stage);
  const slide = (isEnd) => (event) => picker.setFrame(Number(event.target.value), isEnd);
  const frames = frameSlider(FRAME, { input: slide(false), change: slide(true) });
  const main = element("div", { class: "dav-main" }, stage.element, list.element);
  const window = windowOf(picker, "Point editor", bar, main, frames.frameRow, status);
  return { stage, note, list, status, window, expandLook: EXPAND, ...tools, ...frames };
}

function pairsList(picker) {
  const isChosen = (index) => picker.selection?.index === index && picker.selection.kind !== "mask";
  return new PairsList({
    select: (index) => isChosen(index) || picker.select({ kind: "pair", index }),
    place: (index, end, point) =>
      point ? picker.edit(points.moveTo(picker.present, { kind: end, index }, point)) : picker.show(),
    duplicate: (index) => {
      picker.select({ kind: "pair", index });
      picker.duplicateSelected();
    },
    remove: (index) => picker.edit(points.remove(picker.present, { kind: "pair", index }), { selection: null }),
  });
}

function toolbarFor(picker, stage) {
  const action = actionsOn(stage);
  const labels = { removeLabel: "Remove (Delete)", clearLabel: "Clear everything", expandLook: EXPAND };
  const buttons = {
    ...sharedButtons(picker, action, labels),
    duplicate: action("duplicate", "Duplicate (Ctrl+D)", () => picker.duplicateSelected()),
    suggest: action("suggest", "Suggest a mask along the arrows", () => picker.suggestMask()),
  };
  const tools = choice(
    [
      { icon: "arrow", value: "arrow", label: "Arrow tool (A): drag from a handle to its target" },
      { icon: "mask", value: "mask", label: "Mask tool (M): paint what may change" },
    ],
    "Tool",
    (tool) => picker.setTool(tool),
  );
  const listToggle = toggle("list", "List of pairs", () => picker.showSide());
  const shells = (...names) => names.map((name) => buttons[name].shell);
  const groups = [
    [tools.shell],
    shells("undo", "redo"),
    shells("duplicate", "remove", "suggest", "clear"),
    shells("zoomOut", "fit", "zoomIn"),
  ];
  const bar = toolbar("Point tools", groups, [listToggle.shell, buttons.expand.shell]);
  return { bar, tools, buttons, listToggle };
}
