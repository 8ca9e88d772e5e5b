/**
 * The picker on a frame that the points do not sit on. Once the points were followed, the pairs are where the last run put
 * their handles there, and a target can be dragged: it is a key of that frame (keyed_moves.mjs).
 */

import { pairsOf } from "./corrections_state.mjs";
import * as drawing from "./drawing.mjs";
import { REACH } from "./editor.mjs";
import { clampPoint } from "./geometry.mjs";
import { keyOn, withKey, withoutKey, wayOn } from "./keyed_moves.mjs";
import { hitTest, toStage } from "./points_view.mjs";

/** The pairs of the frame that is looked at, as `[{ handle, target }]`; null where the points were not followed to there. */
export function pairsThere(picker) {
  const { present: picks, frame, tracks } = picker;
  const isSame =
    tracks?.frame === picks.frame &&
    tracks.size.every((side, axis) => side === picks.size[axis]) &&
    tracks.handles[frame]?.length === picks.pairs.length;
  if (!isSame) return null;
  return pairsOf(tracks, frame).map(({ handle }, index) => {
    const way = wayOn(picks, picks.pairs[index], frame);
    return { handle, target: [handle[0] + way[0], handle[1] + way[1]] };
  });
}

/** The target under a stage point: `{ kind: "target", index }` or null. */
export function targetUnder(picker, at) {
  const pairs = pairsThere(picker);
  if (!pairs) return null;
  const targets = pairs.map(({ target }) => ({ handle: target, target }));
  const view = picker.stage.currentView();
  const chosen = picker.selection?.kind === "target" ? picker.selection : { kind: "target", index: -1 };
  const hit = hitTest({ pairs: targets, mask_points: [] }, view, at, REACH * picker.stage.markerScale, chosen);
  return hit && { kind: "target", index: hit.index };
}

/** Drags the target under a stage point to its place on this frame; null where there is none. */
export function keyGesture(picker, at) {
  const hit = targetUnder(picker, at);
  picker.select(hit);
  if (!hit) return null;
  const { present: base, frame } = picker;
  const { handle, target } = pairsThere(picker)[hit.index];
  const origin = picker.stage.toPicture(at);
  return picker.drafting({
    move: (to) => {
      const now = picker.stage.toPicture(to);
      const place = clampPoint([target[0] + now[0] - origin[0], target[1] + now[1] - origin[1]], base.size);
      picker.draft = withKey(base, hit.index, frame, [place[0] - handle[0], place[1] - handle[1]]);
    },
    end: (draft) => picker.edit(draft, { selection: hit }),
    loupe: () => pairsThere(picker)[hit.index].target,
  });
}

/** Takes back what is set on this frame for the pair that is selected. */
export function removeKey(picker) {
  const { present: picks, selection, frame } = picker;
  if (selection && keyOn(picks.pairs[selection.index], frame))
    picker.edit(withoutKey(picks, selection.index, frame), { selection });
}

/** Draws the pairs there; a frame around those targets that are set on this frame. Returns whether there were any to draw. */
export function paintThere(picker, context, stage) {
  const pairs = pairsThere(picker);
  if (!pairs) return false;
  const view = stage.currentView();
  const k = stage.markerScale;
  pairs.forEach((pair, index) => {
    const chosen = picker.selection?.index === index ? "target" : null;
    if (keyOn(picker.present.pairs[index], picker.frame)) drawing.drawPin(context, toStage(pair.target, view), k);
    drawing.drawPair(context, pair, index, chosen, view, k);
  });
  if (stage.gesture?.loupe) drawing.drawLoupe(context, stage, stage.gesture.loupe(), k);
  return true;
}
