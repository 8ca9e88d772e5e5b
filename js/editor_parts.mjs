/** The elements that the point picker, the propagation review and the compare player have in common. */

import { button, element } from "./dom.mjs";
import { FullWindow } from "./full_window.mjs";
import { Stage } from "./stage.mjs";
import { StatusRow } from "./status_row.mjs";

/** `{ stage, note, status }`: a stage with a note over it, and the line below. */
export function stageParts(label, owner) {
  const stage = new Stage(label, owner);
  const note = element("span");
  stage.element.append(element("div", { class: "dav-note" }, note));
  return { stage, note, status: new StatusRow() };
}

/** A maker of buttons whose action gives the focus back to the stage. */
export function actionsOn(stage) {
  return (name, label, act) =>
    button(name, label, () => {
      act();
      stage.focus();
    });
}

/** The buttons that both widgets have; `expandLook`: icon and label of the one that opens the full window. */
export function sharedButtons(editor, action, { removeLabel, clearLabel, expandLook }) {
  return {
    undo: action("undo", "Undo (Ctrl+Z)", () => editor.undo()),
    redo: action("redo", "Redo (Ctrl+Y)", () => editor.redo()),
    remove: action("remove", removeLabel, () => editor.removeSelected()),
    clear: button("clear", clearLabel, () => editor.askToClear()),
    zoomOut: action("zoomOut", "Zoom out (-)", () => editor.zoom(-1)),
    fit: action("fit", "Whole picture (0)", () => editor.fit()),
    zoomIn: action("zoomIn", "Zoom in (+)", () => editor.zoom(1)),
    expand: button(...expandLook, () => editor.expand()),
  };
}

/** A toolbar of groups (shells, each a list), with `last` at its right end. */
export function toolbar(label, groups, last) {
  const made = groups.map((shells) => element("span", { class: "dav-group" }, ...shells));
  return element(
    "div",
    { class: "dav-bar", role: "toolbar", "aria-label": label },
    ...made,
    element("span", { class: "dav-space" }),
    ...last,
  );
}

/** `{ slider, showMarks(frames, last), frameLabel, frameRow }`: the frame slider; `last` of its frames is at its end. */
export function frameSlider(label, listeners) {
  const slider = element("input", { type: "range", min: 0, max: 0, step: 1, "aria-label": label, title: label });
  for (const [type, listener] of Object.entries(listeners)) slider.addEventListener(type, listener);
  const marks = element("div", { class: "dav-marks" });
  const frameLabel = element("output");
  const track = element("div", { class: "dav-track" }, marks, slider);
  const showMarks = (frames, last) =>
    marks.replaceChildren(
      ...frames.map((frame) => element("span", { style: `left: ${(100 * frame) / (last || 1)}%` })),
    );
  return { slider, showMarks, frameLabel, frameRow: element("div", { class: "dav-frames" }, track, frameLabel) };
}

/** The slider of a player, which stops where somebody moves it. */
export function playerSlider(player) {
  const input = (event) => {
    const wanted = Number(event.target.value); // read first: to pause shows the old frame again, on the slider too
    player.play(false);
    player.goTo(wanted);
  };
  return frameSlider("Frame", { input });
}

/** The window that holds it all: toolbar, main row, rows with sliders, status line. */
export function windowOf(editor, label, bar, main, rows, status) {
  const body = element("div", { class: "dav-body" }, bar, main, ...rows, status.element);
  return new FullWindow(body, label, () => editor.toggled());
}
