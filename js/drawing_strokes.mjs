/** Draws strokes over a picture: told apart by colour, and by the line along their middle, drawn through or dashed. */

import { toStage } from "./points_view.mjs";

const COLOURS = { thing: "#56b4e9", ground: "#d55e00" };
const OPACITY = 0.45;

/** `isBroad`: as wide as it was painted; else its middle alone, so that the picture can be seen. */
export function drawStroke(context, { kind, radius, points }, isBroad, view, k) {
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
