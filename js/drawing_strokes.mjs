/** Draws strokes over a picture. They are told apart by colour, and by the line along their middle, drawn through or dashed. */

import { toStage } from "./points_view.mjs";

const COLOURS = { thing: "#56b4e9", ground: "#d55e00" };
const OPACITY = 0.45;
const CLICK_RADIUS = 6;
const CLICK_SIGN = 3;

/** `isBroad`: as wide as it was painted; else its middle alone, so that the picture can be seen. */
export function drawStroke(context, { kind, radius, points }, isBroad, view, k) {
  if (points.length === 1) return drawClick(context, kind, toStage(points[0], view), k);
  const path = new Path2D();
  points.forEach((point, index) => {
    const at = toStage(point, view);
    if (index === 0) path.moveTo(...at);
    path.lineTo(...at);
  });
  context.save();
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = COLOURS[kind];
  if (isBroad) {
    context.save();
    context.globalAlpha *= OPACITY;
    context.lineWidth = 2 * radius * view.scale;
    context.stroke(path);
    context.restore();
  }
  context.setLineDash(kind === "ground" ? [1, 6 * k] : []);
  context.lineWidth = 2 * k;
  if (isBroad) context.strokeStyle = "#fff";
  context.stroke(path);
  context.restore();
}

/** A click: a plus on the thing, a minus off it. */
function drawClick(context, kind, [x, y], k) {
  const sign = new Path2D();
  sign.moveTo(x - CLICK_SIGN * k, y);
  sign.lineTo(x + CLICK_SIGN * k, y);
  if (kind === "thing") {
    sign.moveTo(x, y - CLICK_SIGN * k);
    sign.lineTo(x, y + CLICK_SIGN * k);
  }
  const disc = new Path2D();
  disc.arc(x, y, CLICK_RADIUS * k, 0, 2 * Math.PI);
  context.save();
  context.fillStyle = COLOURS[kind];
  context.fill(disc);
  context.strokeStyle = "#fff";
  context.lineWidth = 1.5 * k;
  context.stroke(disc);
  context.stroke(sign);
  context.restore();
}
