/** What a press and drag on the picker's stage does: move a point or an arrow, draw an arrow, paint the mask. */

import { maskStep, pointsAlong } from "./points_meaning.mjs";
import * as points from "./points_state.mjs";

/** A drag shorter than this, in CSS pixels, is a click. */
const LEAST_DRAG = 4;

const isDrag = (from, to) => Math.hypot(to[0] - from[0], to[1] - from[1]) >= LEAST_DRAG;

/** The gesture for a pointer pressed at stage point `at`; null where a press means nothing. */
export function pickerGesture(picker, at, event) {
  const hit = picker.under(at);
  if (hit && event.altKey) {
    picker.edit(points.remove(picker.present, hit), { selection: null });
    return null;
  }
  if (hit) return moving(picker, hit, at);
  const start = picker.stage.toPicture(at);
  picker.select(null);
  if (!points.isInside(start, picker.present.size)) return null;
  return picker.tool === "mask" ? painting(picker, start) : drawingArrow(picker, at, start);
}

function drafting(picker, { move, selectionAtEnd, loupe }) {
  return picker.drafting({ move, loupe, end: (draft) => picker.edit(draft, { selection: selectionAtEnd() }) });
}

function moving(picker, hit, from) {
  const base = picker.present;
  const [start, origin] = [points.pointOf(base, hit), picker.stage.toPicture(from)];
  picker.select(hit);
  let hasMoved = false;
  return drafting(picker, {
    move: (at) => {
      hasMoved ||= isDrag(from, at);
      if (!hasMoved) return;
      const to = picker.stage.toPicture(at);
      picker.draft = points.moveTo(base, hit, [start[0] + to[0] - origin[0], start[1] + to[1] - origin[1]]);
    },
    selectionAtEnd: () => hit,
    loupe: () => points.pointOf(picker.present, hit),
  });
}

function drawingArrow(picker, from, start) {
  const base = picker.present;
  const made = { kind: "target", index: base.pairs.length };
  return drafting(picker, {
    move: (at) => {
      if (!picker.draft && !isDrag(from, at)) return;
      picker.draft = points.addPair(base, start, picker.stage.toPicture(at));
    },
    selectionAtEnd: () => made,
    loupe: () => (points.exists(picker.present, made) ? points.pointOf(picker.present, made) : start),
  });
}

function painting(picker, start) {
  const base = picker.present;
  const step = maskStep(picker.pixels.radius);
  let painted = [start];
  const update = () => (picker.draft = points.addMaskPoints(base, painted));
  update();
  return drafting(picker, {
    move: (at) => {
      const to = points.clampPoint(picker.stage.toPicture(at), base.size);
      const last = painted[painted.length - 1];
      if (Math.hypot(to[0] - last[0], to[1] - last[1]) < step) return;
      painted = [...painted, ...pointsAlong(last, to, step).slice(1)];
      update();
    },
    selectionAtEnd: () => null,
    loupe: undefined,
  });
}
