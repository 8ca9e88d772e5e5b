/** The elements that the point picker is made of, wired to its actions. */

import { choice, element, textButton, toggle } from "./dom.mjs";
import { actionsOn, frameSlider, sharedButtons, stageParts, toolbar, windowOf } from "./editor_parts.mjs";
import { PairsList } from "./pairs_list.mjs";
import { strengthOn, withStrength } from "./keyed_moves.mjs";
import { LEAST_WIDTH, MOST_WIDTH, TOOLS } from "./picker_tools.mjs";
import * as points from "./points_state.mjs";

const LABEL =
  "Points on the frame. N makes a pair, brackets select a point, arrow keys move it, F opens the full window.";
const FRAME = "Frame to look at (comma, full stop)";
const BRUSH = "Width of the brush ({ and })";
const EXPAND = ["expand", "Full-window editor (F)"];

/** `{ stage, note, list, status, tools, buttons, listToggle, frameRow, slider, frameLabel, followButton, window }` for a picker. */
export function pickerParts(picker) {
  const { stage, note, status } = stageParts(LABEL, picker);
  const list = pairsList(picker);
  const { bar, ...tools } = toolbarFor(picker, stage);
  const brushSize = brushSlider(picker);
  status.element.append(brushSize.shell); // in the toolbar it would begin a second line, and the stage would shrink
  const frames = frameSlider(FRAME, { input: (event) => picker.look(Number(event.target.value)) });
  const frameActs = framesActions(picker);
  const followButton = followAct(picker);
  const strength = strengthSlider(picker);
  frames.frameRow.append(frameActs.element, followButton.element);
  const main = element("div", { class: "dav-main" }, stage.element, list.element);
  const window = windowOf(picker, "Point editor", bar, main, [frames.frameRow, strength.element], status);
  const rows = { frameActs, followButton, strength, brushSize };
  return { stage, note, list, status, window, expandLook: EXPAND, ...tools, ...frames, ...rows };
}

/** `{ element, show(drawn) }`: the buttons for a frame that the points, on frame `drawn`, do not sit on (null: they do). */
function framesActions(picker) {
  const act = (text, does) => textButton(text, () => (does(), picker.stage.focus()));
  const here = act("Draw on this frame", () => picker.drawHere());
  here.title = "The points move to this frame (D)";
  const back = act("Back", () => picker.look(picker.present.frame));
  const shell = element("span", { class: "dav-frame-acts", hidden: true }, here, back);
  const show = (drawn) => {
    shell.hidden = drawn === null;
    if (drawn !== null) back.title = `Back to frame ${drawn + 1}, which the points are on`;
  };
  return { element: shell, show };
}

/** `{ element, show(isShown, hasPairs) }`: the button that runs the graph up to the displaced clip. */
function followAct(picker) {
  const button = textButton("Follow points", () => (picker.followPoints(), picker.stage.focus()));
  button.title = "Runs the graph up to Displace: every frame moves, before any model is tuned (R)";
  const show = (isShown, hasPairs) => {
    button.hidden = !isShown;
    button.disabled = !hasPairs;
  };
  return { element: button, show };
}

/** `{ element, show(picks, frame, isAsked) }`: how much of the drag the frame that is looked at gets, in the full window. */
function strengthSlider(picker) {
  const set = (value) =>
    picker.edit(withStrength(picker.present, picker.frame, value), { mergeKey: `strength ${picker.frame}` });
  const label = "Strength on this frame: how far the drag goes, eased from frame to frame";
  const input = element("input", { type: "range", min: 0, max: 100, step: 1, title: label, "aria-label": label });
  input.addEventListener("input", () => set(Number(input.value) / 100));
  const output = element("output");
  const reset = textButton("Not set here", () => set(null));
  reset.title = "The strength of this frame follows from the others again";
  const row = element("div", { class: "dav-strength", hidden: true }, element("span", { text: "Strength" }), input, output, reset);
  const show = (picks, frame, isAsked) => {
    const keys = picks.strength ?? [];
    row.hidden = !isAsked && keys.length === 0;
    const percent = Math.round(100 * strengthOn(picks, frame));
    input.value = String(percent);
    output.textContent = `${percent} %`;
    reset.hidden = !keys.some(([at]) => at === frame);
  };
  return { element: row, show };
}

/** `{ shell, show(width) }`: how wide the brush is; null hides it. */
function brushSlider(picker) {
  const input = element("input", {
    type: "range",
    min: LEAST_WIDTH,
    max: MOST_WIDTH,
    step: 1,
    title: BRUSH,
    "aria-label": BRUSH,
    oninput: (event) => picker.setBrush(Number(event.target.value)),
    onchange: () => picker.stage.focus(),
  });
  const shell = element("span", { class: "dav-brush", hidden: true }, element("span", { text: "Brush" }), input);
  const show = (width) => {
    shell.hidden = width === null;
    if (width !== null) input.value = String(Math.round(width));
  };
  return { shell, show };
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
  const labels = { removeLabel: "Remove (Delete)", clearLabel: "Clear …", expandLook: EXPAND };
  const buttons = {
    ...sharedButtons(picker, action, labels),
    duplicate: action("duplicate", "Duplicate (Ctrl+D)", () => picker.duplicateSelected()),
    suggest: action("suggest", "Suggest a mask along the arrows", () => picker.suggestMask()),
  };
  const tools = choice(TOOLS, "Tool", (tool) => picker.setTool(tool));
  const listToggle = toggle("list", "List of pairs", () => picker.showSide());
  const afterToggle = toggle("after", "See the frame as the drag leaves it (B)", () => {
    picker.after.toggle();
    stage.focus();
  });
  const shells = (...names) => names.map((name) => buttons[name].shell);
  const groups = [
    [tools.shell],
    shells("undo", "redo"),
    shells("duplicate", "remove", "suggest", "clear"),
    shells("zoomOut", "fit", "zoomIn"),
  ];
  const bar = toolbar("Point tools", groups, [afterToggle.shell, listToggle.shell, buttons.expand.shell]);
  return { bar, tools, buttons, afterToggle, listToggle };
}
