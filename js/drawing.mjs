/**
 * Draws points, arrows, sets and masks over a picture. All sizes are CSS pixels times `k`, the stage's marker scale;
 * every mark is light and dark at once, so that it shows on any picture, and shapes differ as well as colours: a handle
 * is a disc, a target a ring, a mask point a cross.
 */

import { outsideOf, pointSet } from "./points_meaning.mjs";
import { toStage } from "./points_view.mjs";

/** Okabe and Ito's colours, told apart by colour-blind people too; black is left out. */
const PALETTE = ["#e69f00", "#56b4e9", "#009e73", "#f0e442", "#d55e00", "#cc79a7", "#0072b2"];
const DARK = "rgba(0, 0, 0, 0.8)";
const LOCKED = "rgba(0, 0, 0, 0.5)";
const WARNING = "#f0e442";
const TURN = 2 * Math.PI;
const LOUPE_RADIUS = 52;
const LOUPE_ZOOM = 4;
/** The members of a set are drawn one by one from this distance on (CSS pixels), closer only their square. */
const LEAST_SPACING = 5;

export const colourOf = (index) => PALETTE[index % PALETTE.length];

/** Black or white, whichever reads better on a colour "#rrggbb". */
export function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return 0.299 * red + 0.587 * green + 0.114 * blue > 110 ? "#000" : "#fff";
}

/** Strokes a path with a dark rim. */
function stroke(context, path, width, colour, rim) {
  context.lineCap = context.lineJoin = "round";
  context.lineWidth = width + 2 * rim;
  context.strokeStyle = DARK;
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke(path);
}

function circle([x, y], radius) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, TURN);
  return path;
}

function rectangles(list) {
  const path = new Path2D();
  for (const one of list) path.rect(...one);
  return path;
}

/**
 * What lies outside every mask square is dimmed, since the edit leaves it alone; the union of the squares is outlined.
 */
export function drawMask(context, maskPoints, radius, size, view, k) {
  if (maskPoints.length === 0) return;
  const side = 2 * radius * view.scale;
  const squares = maskPoints.map(([x, y]) => [...toStage([x - radius, y - radius], view), side, side]);
  const [width, height] = size.map((side) => side * view.scale);
  const frame = [view.x - 1, view.y - 1, width + 2, height + 2]; // its border lies between the screen's pixels
  context.save();
  context.clip(rectangles([frame]));
  context.fillStyle = LOCKED;
  context.fill(rectangles(outsideOf(frame, squares)));
  for (const [width, colour] of [
    [2.2 * k, DARK],
    [1.2 * k, "#fff"],
  ]) {
    const rim = ([x, y, w, h]) => outsideOf([x - width, y - width, w + 2 * width, h + 2 * width], squares);
    context.fillStyle = colour;
    context.fill(rectangles(squares.flatMap(rim)));
  }
  context.restore();
}

/** The same where nobody painted a mask: what lies near the arrows may change. `ways`: `[from, to, reach]`, px, each. */
export function drawReach(context, ways, size, view, k) {
  if (ways.length === 0) return;
  const [width, height] = size.map((side) => side * view.scale);
  const frame = [view.x - 1, view.y - 1, width + 2, height + 2];
  const capsules = ways.map(([from, to, reach]) => capsule(toStage(from, view), toStage(to, view), reach * view.scale));
  context.save();
  context.clip(rectangles([frame]));
  for (const one of capsules) {
    const outside = rectangles([frame]);
    outside.addPath(one);
    context.clip(outside, "evenodd");
  }
  context.fillStyle = LOCKED;
  context.fillRect(...frame);
  context.setLineDash([6 * k, 4 * k]);
  for (const one of capsules) stroke(context, one, 1.4 * k, "#fff", 0.8 * k);
  context.restore();
}

/** A canvas of the picture's shape, laid over it. */
export function drawOver(context, canvas, size, view) {
  context.drawImage(canvas, view.x, view.y, ...size.map((side) => side * view.scale));
}

/** All that is nearer than `radius` to the way from one point to the other. */
function capsule(from, to, radius) {
  const angle = Math.atan2(to[1] - from[1], to[0] - from[0]);
  const path = new Path2D();
  path.arc(...from, radius, angle + Math.PI / 2, angle + 1.5 * Math.PI);
  path.arc(...to, radius, angle - Math.PI / 2, angle + Math.PI / 2);
  path.closePath();
  return path;
}

/** The square set around a centre: its members, or only its square where they would touch. */
export function drawSet(context, centre, pixels, colour, view, k) {
  drawMembers(context, pointSet(centre, pixels), colour, view, k);
}

/**
 * Members of a set [S][2], one by one, or only the square around them where they would touch. Those that `visible` [S]
 * says are hidden in the frame are hollow.
 */
export function drawMembers(context, members, colour, view, k, visible = null) {
  if (members.length < 2) return;
  const places = members.map((point) => toStage(point, view));
  const [[left, right], [top, bottom]] = [0, 1].map((axis) => {
    const along = places.map((place) => place[axis]);
    return [Math.min(...along), Math.max(...along)];
  });
  const gap = Math.max(right - left, bottom - top) / (Math.sqrt(members.length) - 1);
  if (gap < LEAST_SPACING * k)
    return stroke(context, rectangles([[left, top, right - left, bottom - top]]), k, colour, 0.75 * k);
  const half = 1.6 * k;
  const squareAt = ([x, y]) => [x - half, y - half, 2 * half, 2 * half];
  const isSeen = (index) => visible === null || visible[index];
  stroke(context, rectangles(places.map(squareAt)), k, colour, 0.9 * k);
  context.fillStyle = colour;
  context.fill(rectangles(places.filter((_, index) => isSeen(index)).map(squareAt)));
  context.fillStyle = DARK;
  context.fill(rectangles(places.filter((_, index) => !isSeen(index)).map(squareAt)));
}

/** One pair: the arrow, its number beside the handle, both ends. `chosen`: which end is selected, or "pair". */
export function drawPair(context, pair, index, chosen, view, k) {
  const [from, to] = [toStage(pair.handle, view), toStage(pair.target, view)];
  const colour = colourOf(index);
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const along = length > 0 ? [(to[0] - from[0]) / length, (to[1] - from[1]) / length] : [1, 0];
  drawArrow(context, from, to, along, length, colour, chosen !== null, k);
  drawHandle(context, from, colour, chosen === "handle" || chosen === "pair", k);
  drawTarget(context, to, colour, chosen === "target" || chosen === "pair", k);
  drawNumber(context, [from[0] - along[0] * 19 * k, from[1] - along[1] * 19 * k], index, k);
}

function drawArrow(context, from, to, along, length, colour, isChosen, k) {
  const tip = length - 7 * k;
  if (tip <= 6 * k) return;
  const at = (distance, side) => [
    from[0] + along[0] * distance - along[1] * side,
    from[1] + along[1] * distance + along[0] * side,
  ];
  const path = new Path2D();
  path.moveTo(...from);
  path.lineTo(...at(tip, 0));
  const head = Math.min(8 * k, tip / 2);
  path.moveTo(...at(tip - head, -head * 0.75));
  path.lineTo(...at(tip, 0));
  path.lineTo(...at(tip - head, head * 0.75));
  stroke(context, path, (isChosen ? 3.6 : 2.6) * k, colour, 1.2 * k);
}

function drawHandle(context, at, colour, isChosen, k) {
  const path = circle(at, 6 * k);
  if (isChosen) stroke(context, circle(at, 10 * k), 2 * k, "#fff", 1.2 * k);
  context.fillStyle = colour;
  context.fill(path);
  stroke(context, path, 1.5 * k, "#fff", 1 * k);
}

function drawTarget(context, at, colour, isChosen, k) {
  if (isChosen) stroke(context, circle(at, 11 * k), 2 * k, "#fff", 1.2 * k);
  stroke(context, circle(at, 6.5 * k), 2.6 * k, colour, 1.2 * k);
  context.fillStyle = "#fff";
  const dot = circle(at, 1.6 * k);
  stroke(context, dot, 0.01, DARK, 1 * k);
  context.fill(dot);
}

function drawNumber(context, at, index, k) {
  const colour = colourOf(index);
  const path = circle(at, 8 * k);
  context.fillStyle = colour;
  context.fill(path);
  context.lineWidth = 1.2 * k;
  context.strokeStyle = DARK;
  context.stroke(path);
  context.fillStyle = inkOn(colour);
  context.font = `700 ${(index < 9 ? 11.5 : 9.5) * k}px Inter, system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(index + 1), at[0], at[1] + 0.5 * k);
}

/** The middle of a mask square: a small cross, larger where mask points can be moved. */
export function drawMaskPoint(context, point, isChosen, isActive, view, k) {
  const [x, y] = toStage(point, view);
  const arm = (isActive ? 4 : 2.5) * k;
  const path = new Path2D();
  path.moveTo(x - arm, y);
  path.lineTo(x + arm, y);
  path.moveTo(x, y - arm);
  path.lineTo(x, y + arm);
  stroke(context, path, 1.4 * k, "#fff", 1 * k);
  if (isChosen) stroke(context, circle([x, y], 8 * k), 2 * k, "#fff", 1.2 * k);
}

/** The square brush of the mask and of the eraser. */
export function drawBrush(context, point, radius, view, k) {
  const side = 2 * radius * view.scale;
  const path = rectangles([[...toStage([point[0] - radius, point[1] - radius], view), side, side]]);
  context.save();
  context.setLineDash([5 * k, 4 * k]);
  stroke(context, path, 1.4 * k, "#fff", 0.8 * k);
  context.restore();
}

/** The box [x, y, width, height] that a film's edit looked at, or null. */
export function drawBox(context, box, view, k) {
  if (!box) return;
  const [x, y, width, height] = box;
  context.save();
  context.setLineDash([10 * k, 5 * k]);
  const sides = [width * view.scale, height * view.scale];
  stroke(context, rectangles([[...toStage([x - 0.5, y - 0.5], view), ...sides]]), 1.4 * k, "#56b4e9", 0.8 * k);
  context.restore();
}

/** A pin: what is here stays here. A disc with a square round it, and its number. */
export function drawPinPoint(context, point, index, isChosen, view, k) {
  const at = toStage(point, view);
  const half = 8 * k;
  const box = rectangles([[at[0] - half, at[1] - half, 2 * half, 2 * half]]);
  if (isChosen) stroke(context, circle(at, 14 * k), 2 * k, "#fff", 1.2 * k);
  stroke(context, box, 2.2 * k, colourOf(index), 1.2 * k);
  context.fillStyle = "#fff";
  context.fill(circle(at, 3 * k));
  stroke(context, circle(at, 3 * k), 1 * k, DARK, 0);
  drawNumber(context, [at[0] - 19 * k, at[1]], index, k);
}

/** The round brush of strokes. */
export function drawRound(context, at, radius, k) {
  context.save();
  context.setLineDash([5 * k, 4 * k]);
  stroke(context, circle(at, radius), 1.4 * k, "#fff", 0.8 * k);
  context.restore();
}

/** A frame around a handle that was put there by hand. */
export function drawPin(context, [x, y], k) {
  const half = 12 * k;
  stroke(context, rectangles([[x - half, y - half, 2 * half, 2 * half]]), 1.8 * k, "#fff", 1.2 * k);
}

/** A warning triangle beside a point. */
export function drawBadge(context, point, view, k) {
  const [x, y] = toStage(point, view);
  const [left, top, side] = [x + 9 * k, y - 24 * k, 17 * k];
  const path = new Path2D();
  path.moveTo(left + side / 2, top);
  path.lineTo(left + side, top + side * 0.88);
  path.lineTo(left, top + side * 0.88);
  path.closePath();
  stroke(context, path, 1.5 * k, WARNING, 1.2 * k);
  context.fillStyle = WARNING;
  context.fill(path);
  context.fillStyle = "#000";
  context.font = `700 ${12 * k}px Inter, system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText("!", left + side / 2, top + side * 0.56);
}

/** A round magnifier in the upper corner farther from the pointer, centred on a picture point. */
export function drawLoupe(context, stage, point, k) {
  const view = stage.currentView();
  const [width] = stage.extent;
  const at = toStage(point, view);
  const radius = Math.min(LOUPE_RADIUS * k, width / 4);
  const middle = [at[0] > width / 2 ? radius + 6 * k : width - radius - 6 * k, radius + 6 * k];
  const scale = view.scale * LOUPE_ZOOM;
  const magnified = { scale, x: middle[0] - (point[0] + 0.5) * scale, y: middle[1] - (point[1] + 0.5) * scale };
  const rim = circle(middle, radius);
  context.save();
  context.clip(rim);
  context.fillStyle = "#000";
  context.fill(rim);
  stage.drawPicture(context, magnified);
  const cross = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    cross.moveTo(middle[0] + dx * 4 * k, middle[1] + dy * 4 * k);
    cross.lineTo(middle[0] + dx * radius, middle[1] + dy * radius);
  }
  stroke(context, cross, 1 * k, "#fff", 0.8 * k);
  context.restore();
  stroke(context, rim, 2 * k, "#fff", 1.2 * k);
}
