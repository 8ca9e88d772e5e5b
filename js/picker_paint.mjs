/** Draws what the picker shows over the frame: mask, strokes, arrows, pins, what the tool would do, warnings. */

import * as drawing from "./drawing.mjs";
import { drawStroke } from "./drawing_strokes.mjs";
import { reachOf } from "./edit_mask.mjs";
import { paintThere } from "./other_frames.mjs";
import { Brushes } from "./picker_tools.mjs";
import { exists, isPin, pointOf } from "./points_state.mjs";
import { toStage } from "./points_view.mjs";

/** The tools that strokes are shown in full for. */
const STROKE_TOOLS = ["thing", "ground", "eraser"];
/** How strongly the points are drawn on a frame that they do not sit on. */
const GHOST = 0.35;

export function paintPicker(picker, context, stage) {
  const { present: picks } = picker;
  const view = stage.currentView();
  const k = stage.markerScale;
  if (!picker.isDrawable && paintThere(picker, context, stage)) return;
  context.save();
  if (!picker.isDrawable) context.globalAlpha = GHOST;
  drawMask(picker, context, view, k);
  const isBroad = STROKE_TOOLS.includes(picker.tool);
  if (isBroad && picker.isDrawable) paintFound(picker.after, context, picks.size, view, k);
  for (const stroke of picks.strokes) drawStroke(context, stroke, isBroad, view, k);
  paintPoints(picker, context, view, k);
  context.restore();
  if (!picker.isDrawable) return;
  paintTool(picker, context, stage, view, k);
  for (const warned of picker.warned)
    if (exists(picks, warned)) drawing.drawBadge(context, pointOf(picks, warned), view, k);
  if (stage.gesture?.loupe) drawing.drawLoupe(context, stage, stage.gesture.loupe(), k);
}

/** What the last run took for the thing, and the box that a film's edit looked at. */
function paintFound({ tint, box }, context, size, view, k) {
  if (tint) drawing.drawOver(context, tint, size, view);
  drawing.drawBox(context, box, view, k);
}

/** What lies outside the mask is dimmed: outside the painted one, or away from the arrows, and the thing, where there is none. */
function drawMask(picker, context, view, k) {
  const { size, mask_points, pairs } = picker.present;
  if (mask_points.length > 0) return drawing.drawMask(context, mask_points, picker.pixels.radius, size, view, k);
  const { locked } = picker.after;
  if (locked) return drawing.drawOver(context, locked, size, view);
  const arrows = pairs.filter((pair) => !isPin(pair));
  const ways = arrows.map((pair) => [pair.handle, pair.target, reachOf(pair, size)]);
  drawing.drawReach(context, ways, size, view, k);
}

function paintPoints(picker, context, view, k) {
  const { present: picks, pixels, selection } = picker;
  const isChosen = (kind, index) => selection?.kind === kind && selection.index === index;
  picks.pairs.forEach((pair, index) => {
    const ends = isPin(pair) ? [pair.handle] : [pair.handle, pair.target];
    for (const end of ends) drawing.drawSet(context, end, pixels, drawing.colourOf(index), view, k);
  });
  const isMaskTool = picker.tool === "mask" || picker.tool === "eraser";
  picks.mask_points.forEach((point, index) =>
    drawing.drawMaskPoint(context, point, isChosen("mask", index), isMaskTool, view, k),
  );
  picks.pairs.forEach((pair, index) => {
    const chosen = ["handle", "target", "pair"].find((kind) => isChosen(kind, index)) ?? null;
    if (isPin(pair)) drawing.drawPinPoint(context, pair.handle, index, chosen !== null, view, k);
    else drawing.drawPair(context, pair, index, chosen, view, k);
  });
}

/** What the tool in hand would do where the pointer is. */
function paintTool(picker, context, stage, view, k) {
  if (!picker.hovered || stage.gesture?.isPan) return;
  const at = stage.toPicture(picker.hovered);
  if (picker.arrowStart && !picker.draft) {
    const pair = { handle: picker.arrowStart, target: at };
    drawing.drawPair(context, pair, picker.present.pairs.length, null, view, k);
  } else if (picker.tool === "mask") {
    drawing.drawBrush(context, at, Math.max(picker.brushRadius, picker.pixels.radius), view, k);
  } else if (picker.tool === "eraser") {
    drawing.drawBrush(context, at, picker.brushRadius, view, k);
  } else if (Brushes.has(picker.tool)) {
    drawing.drawRound(context, toStage(at, view), picker.brushRadius * view.scale, k);
  }
}
