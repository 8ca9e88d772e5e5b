/** What a press on the picker's stage does, with each tool. */

import { clampPoint, isInside, pointsAlong } from "./geometry.mjs";
import { brushed, erased } from "./mask_brush.mjs";
import { keyGesture } from "./other_frames.mjs";
import { maskStep } from "./points_meaning.mjs";
import * as points from "./points_state.mjs";
import { withoutNear, withStroke } from "./strokes_state.mjs";

/** A drag shorter than this, in CSS pixels, is a click. */
const LEAST_DRAG = 4;

const isDrag = (from, to) => Math.hypot(to[0] - from[0], to[1] - from[1]) >= LEAST_DRAG;

const PAINTS = { mask: paintingMask, thing: paintingStroke, ground: paintingStroke, eraser: erasing };

/** The gesture for a pointer pressed at stage point `at`; null where a press means nothing. */
export function pickerGesture(picker, at, event) {
  if (!picker.isDrawable) return keyGesture(picker, at);
  const start = picker.stage.toPicture(at);
  const isOnFrame = isInside(start, picker.present.size);
  if (picker.arrowStart) return isOnFrame ? endingArrow(picker, start) : null;
  const hit = picker.under(at);
  if (hit && event.altKey) {
    picker.edit(points.remove(picker.present, hit), { selection: null });
    return null;
  }
  if (hit) return moving(picker, hit, at);
  picker.select(null);
  if (!isOnFrame) return null;
  if (picker.tool === "pin") return pinning(picker, start);
  return PAINTS[picker.tool]?.(picker, start) ?? drawingArrow(picker, at, start);
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

/** A drag draws an arrow; a click is its handle, and the next click its target. */
function drawingArrow(picker, from, start) {
  const base = picker.present;
  const made = { kind: "target", index: base.pairs.length };
  const gesture = drafting(picker, {
    move: (at) => {
      if (!picker.draft && !isDrag(from, at)) return;
      picker.draft = points.addPair(base, start, picker.stage.toPicture(at));
    },
    selectionAtEnd: () => made,
    loupe: () => (points.exists(picker.present, made) ? points.pointOf(picker.present, made) : start),
  });
  const end = () => (picker.draft ? gesture.end() : picker.startArrow(start));
  return { ...gesture, end };
}

/** The second click of an arrow, which may be dragged to its place. */
function endingArrow(picker, start) {
  const base = picker.history.present;
  const made = { kind: "target", index: base.pairs.length };
  const from = picker.arrowStart;
  const update = (to) => (picker.draft = points.addPair(base, from, to));
  update(start);
  return drafting(picker, {
    move: (at) => update(picker.stage.toPicture(at)),
    selectionAtEnd: () => made,
    loupe: () => points.pointOf(picker.present, made),
  });
}

function pinning(picker, start) {
  const base = picker.present;
  const made = { kind: "pair", index: base.pairs.length };
  const update = (to) => (picker.draft = points.addPin(base, to));
  update(start);
  return drafting(picker, {
    move: (at) => update(picker.stage.toPicture(at)),
    selectionAtEnd: () => made,
    loupe: () => points.pointOf(picker.present, made),
  });
}

/**
 * Anything that is painted: `add(at)` is called at points of the picture along the way, at most `step` px apart.
 */
function painting(picker, start, step, add) {
  const { size } = picker.present;
  let last = clampPoint(start, size);
  add(last);
  return drafting(picker, {
    move: (at) => {
      const to = clampPoint(picker.stage.toPicture(at), size);
      if (Math.hypot(to[0] - last[0], to[1] - last[1]) < step) return;
      for (const point of pointsAlong(last, to, step).slice(1)) add(point);
      last = to;
    },
    selectionAtEnd: () => null,
    loupe: undefined,
  });
}

function paintingMask(picker, start) {
  const { radius } = picker.pixels;
  const brush = picker.brushRadius;
  return painting(picker, start, maskStep(radius), (at) => {
    const picks = picker.present;
    const added = brushed(picks.mask_points, at, brush, radius);
    if (added.length > 0) picker.draft = points.addMaskPoints(picks, added);
  });
}

function paintingStroke(picker, start) {
  const base = picker.present;
  const [kind, radius, painted] = [picker.tool, picker.brushRadius, []];
  return painting(picker, start, Math.max(1, radius / 2), (at) => {
    painted.push(at);
    picker.draft = { ...base, strokes: withStroke(base.strokes, kind, radius, painted, base.size) };
  });
}

function erasing(picker, start) {
  const brush = picker.brushRadius;
  return painting(picker, start, Math.max(1, brush / 2), (at) => {
    const picks = picker.present;
    const left = { mask_points: erased(picks.mask_points, at, brush), strokes: withoutNear(picks.strokes, at, brush) };
    const isLess = left.mask_points.length < picks.mask_points.length || left.strokes !== picks.strokes;
    if (isLess) picker.draft = { ...picks, ...left };
  });
}
