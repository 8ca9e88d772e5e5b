/** What the picker says: in the line below the stage, and over the picture. */

import { keyOn } from "./keyed_moves.mjs";
import { pairsThere } from "./other_frames.mjs";

const HINTS = {
  arrow: "Drag from what should move to where it should go.",
  pin: "Click on what should stay in its place.",
  mask: "Paint over everything that may change.",
  thing: "Click on the thing that moves, or paint roughly along it. The run finds its edge.",
  ground: "Paint roughly over what lies behind the thing, all round it; or click where too much was found.",
  eraser: "Rub out mask and strokes.",
};

/** `[text, isWarning]` for the status line. */
export function statusOf({ problem, info, warned }) {
  if (info) return [info, false];
  if (problem) return [`${problem} Drawing starts new ones.`, true];
  const more = warned.length > 1 ? ` (and ${warned.length - 1} more)` : "";
  return warned.length > 0 ? [warned[0].text + more, true] : ["", false];
}

/** What is written over the picture, or "". */
export function noteFor(picker) {
  const { present: picks, tool } = picker;
  if (picker.draft) return "";
  if (!picker.picture)
    return (
      picker.missing ??
      (picker.isLoading
        ? "The frame is being read …"
        : "No picture yet. Wire in a loader, or press Run once; you can draw already.")
    );
  if (!picker.isDrawable) return noteElsewhere(picker);
  if (picker.arrowStart) return "Click where it should go. Esc takes the first click back.";
  const isDone = { mask: picks.mask_points, thing: picks.strokes, ground: picks.strokes }[tool] ?? picks.pairs;
  return isDone.length > 0 ? "" : HINTS[tool];
}

/** The same on a frame that the points do not sit on. */
function noteElsewhere(picker) {
  const { present: picks, selection, frame } = picker;
  if (!pairsThere(picker))
    return `The points are on frame ${picks.frame + 1}. Here you only look, until they are followed.`;
  const isSet = selection && keyOn(picks.pairs[selection.index], frame);
  return isSet ? "Delete takes this target back." : "Drag a target to where it should be on this frame.";
}
