/** The elements that the propagation review is made of, wired to its actions. */

import { element } from "./dom.mjs";
import { actionsOn, playerSlider, sharedButtons, stageParts, toolbar, windowOf } from "./editor_parts.mjs";

const LABEL =
  "Propagated points. Comma and full stop change the frame, brackets select a handle, arrow keys move it, P plays.";
const EXPAND = ["expand", "Full window (F)"];

/** `{ stage, note, status, buttons, slider, marks, frameLabel, window }` for a review. */
export function reviewParts(review) {
  const { stage, note, status } = stageParts(LABEL, review);
  const { bar, buttons } = toolbarFor(review, stage);
  const { frameRow, ...frames } = playerSlider(review);
  const main = element("div", { class: "dav-main" }, stage.element);
  const window = windowOf(review, "Propagation review", bar, main, [frameRow], status);
  return { stage, note, status, buttons, window, expandLook: EXPAND, ...frames };
}

function toolbarFor(review, stage) {
  const action = actionsOn(stage);
  const buttons = {
    ...sharedButtons(review, action, {
      removeLabel: "Take back the correction of this handle on this frame (Delete)",
      clearLabel: "Clear all corrections",
      expandLook: EXPAND,
    }),
    back: action("back", "Previous frame (,)", () => review.goTo(review.frame - 1)),
    play: action("play", "Play (P)", () => review.play()),
    next: action("next", "Next frame (.)", () => review.goTo(review.frame + 1)),
  };
  const shells = (...names) => names.map((name) => buttons[name].shell);
  const groups = [
    shells("back", "play", "next"),
    shells("undo", "redo"),
    shells("remove", "clear"),
    shells("zoomOut", "fit", "zoomIn"),
  ];
  return { bar: toolbar("Review tools", groups, [buttons.expand.shell]), buttons };
}
