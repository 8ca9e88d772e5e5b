/** The elements that the point picker is made of, wired to its actions. */

import { button, choice, element, toggle } from "./dom.mjs";
import { FullWindow } from "./full_window.mjs";
import { PairsList } from "./pairs_list.mjs";
import * as points from "./points_state.mjs";
import { Stage } from "./stage.mjs";
import { StatusRow } from "./status_row.mjs";

const LABEL =
  "Points on the frame. N makes a pair, brackets select a point, arrow keys move it, F opens the full window.";
const FRAME = "Frame that the points sit on";

/** `{ stage, note, list, status, tools, buttons, listToggle, frameRow, slider, frameLabel, window }` for a picker. */
export function pickerParts(picker) {
  const stage = new Stage(LABEL, picker);
  const note = element("span");
  stage.element.append(element("div", { class: "dav-note" }, note));
  const list = pairsList(picker);
  const { toolbar, ...tools } = toolbarFor(picker, stage);
  const frames = frameRow(picker);
  const status = new StatusRow();
  const main = element("div", { class: "dav-main" }, stage.element, list.element);
  const body = element("div", { class: "dav-body" }, toolbar, main, frames.frameRow, status.element);
  const window = new FullWindow(body, "Point editor", () => picker.toggled());
  return { stage, note, list, status, window, ...tools, ...frames };
}

function pairsList(picker) {
  const isChosen = (index) => picker.selection?.index === index && picker.selection.kind !== "mask";
  return new PairsList({
    select: (index) => isChosen(index) || picker.select({ kind: "pair", index }),
    place: (index, end, point) =>
      point ? picker.edit(points.moveTo(picker.picks, { kind: end, index }, point)) : picker.show(),
    duplicate: (index) => {
      picker.select({ kind: "pair", index });
      picker.duplicateSelected();
    },
    remove: (index) => picker.edit(points.remove(picker.picks, { kind: "pair", index }), { selection: null }),
  });
}

function toolbarFor(picker, stage) {
  /** A button whose action gives the focus back to the stage. */
  const action = (name, label, act) =>
    button(name, label, () => {
      act();
      stage.focus();
    });
  const buttons = {
    undo: action("undo", "Undo (Ctrl+Z)", () => picker.undo()),
    redo: action("redo", "Redo (Ctrl+Y)", () => picker.redo()),
    duplicate: action("duplicate", "Duplicate (Ctrl+D)", () => picker.duplicateSelected()),
    remove: action("remove", "Remove (Delete)", () => picker.removeSelected()),
    suggest: action("suggest", "Suggest a mask along the arrows", () => picker.suggestMask()),
    clear: button("clear", "Clear everything", () => picker.askToClear()),
    zoomOut: action("zoomOut", "Zoom out (-)", () => picker.zoom(-1)),
    fit: action("fit", "Whole picture (0)", () => picker.fit()),
    zoomIn: action("zoomIn", "Zoom in (+)", () => picker.zoom(1)),
    expand: button("expand", "Full-window editor (F)", () => picker.expand()),
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
  const group = (...names) => element("span", { class: "dav-group" }, ...names.map((name) => buttons[name].shell));
  const toolbar = element(
    "div",
    { class: "dav-bar", role: "toolbar", "aria-label": "Point tools" },
    tools.shell,
    group("undo", "redo"),
    group("duplicate", "remove", "suggest", "clear"),
    group("zoomOut", "fit", "zoomIn"),
    element("span", { class: "dav-space" }),
    listToggle.shell,
    buttons.expand.shell,
  );
  return { toolbar, tools, buttons, listToggle };
}

function frameRow(picker) {
  const slide = (isEnd) => (event) => picker.setFrame(Number(event.target.value), isEnd);
  const slider = element("input", {
    type: "range",
    min: 0,
    max: 0,
    step: 1,
    "aria-label": FRAME,
    title: FRAME,
    oninput: slide(false),
    onchange: slide(true),
  });
  const frameLabel = element("output");
  return { slider, frameLabel, frameRow: element("div", { class: "dav-frames" }, slider, frameLabel) };
}
