/** The elements that the propagation review is made of, wired to its actions. */

import { button, element } from "./dom.mjs";
import { FullWindow } from "./full_window.mjs";
import { Stage } from "./stage.mjs";
import { StatusRow } from "./status_row.mjs";

const LABEL =
  "Propagated points. Comma and full stop change the frame, brackets select a handle, arrow keys move it, P plays.";

/** `{ stage, note, status, buttons, slider, marks, frameLabel, window }` for a review. */
export function reviewParts(review) {
  const stage = new Stage(LABEL, review);
  const note = element("span");
  stage.element.append(element("div", { class: "dav-note" }, note));
  const status = new StatusRow();
  const { toolbar, buttons } = toolbarFor(review, stage);
  const { frameRow, ...frames } = frameRowFor(review);
  const main = element("div", { class: "dav-main" }, stage.element);
  const body = element("div", { class: "dav-body" }, toolbar, main, frameRow, status.element);
  const window = new FullWindow(body, "Propagation review", () => review.toggled());
  return { stage, note, status, buttons, window, ...frames };
}

function toolbarFor(review, stage) {
  /** A button whose action gives the focus back to the stage. */
  const action = (name, label, act) =>
    button(name, label, () => {
      act();
      stage.focus();
    });
  const takeBack = "Take back the correction of this handle on this frame (Delete)";
  const buttons = {
    back: action("back", "Previous frame (,)", () => review.goTo(review.frame - 1)),
    play: action("play", "Play (P)", () => review.play()),
    next: action("next", "Next frame (.)", () => review.goTo(review.frame + 1)),
    undo: action("undo", "Undo (Ctrl+Z)", () => review.undo()),
    redo: action("redo", "Redo (Ctrl+Y)", () => review.redo()),
    remove: action("remove", takeBack, () => review.removeSelected()),
    clear: button("clear", "Clear all corrections", () => review.askToClear()),
    zoomOut: action("zoomOut", "Zoom out (-)", () => review.zoom(-1)),
    fit: action("fit", "Whole picture (0)", () => review.fit()),
    zoomIn: action("zoomIn", "Zoom in (+)", () => review.zoom(1)),
    expand: button("expand", "Full window (F)", () => review.expand()),
  };
  const group = (...names) => element("span", { class: "dav-group" }, ...names.map((name) => buttons[name].shell));
  const toolbar = element(
    "div",
    { class: "dav-bar", role: "toolbar", "aria-label": "Review tools" },
    group("back", "play", "next"),
    group("undo", "redo"),
    group("remove", "clear"),
    group("zoomOut", "fit", "zoomIn"),
    element("span", { class: "dav-space" }),
    buttons.expand.shell,
  );
  return { toolbar, buttons };
}

function frameRowFor(review) {
  const oninput = (event) => {
    review.play(false);
    review.goTo(Number(event.target.value));
  };
  const slider = element("input", {
    type: "range",
    min: 0,
    max: 0,
    step: 1,
    "aria-label": "Frame",
    title: "Frame",
    oninput,
  });
  const marks = element("div", { class: "dav-marks" });
  const frameLabel = element("output");
  const track = element("div", { class: "dav-track" }, marks, slider);
  return { slider, marks, frameLabel, frameRow: element("div", { class: "dav-frames" }, track, frameLabel) };
}
