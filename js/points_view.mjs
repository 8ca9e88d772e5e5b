/**
 * Where picture pixels lie on the stage, and which point is under the pointer. No DOM.
 *
 * A view is `{ scale, x, y }`: picture point p (pixel centres at integers, so the picture spans -0.5 .. W - 0.5) is
 * drawn at stage point `(p + 0.5) * scale + (x, y)`, in CSS pixels of the stage.
 */

import { isPin } from "./points_state.mjs";

export const MAX_SCALE = 32;
/** A picture smaller than this share of the fitting size is never shown. */
const MIN_SHARE = 0.5;

/** The view that shows the whole picture, centred, with `margin` CSS pixels around. */
export function fitView([stageWidth, stageHeight], [width, height], margin = 0) {
  const room = [Math.max(1, stageWidth - 2 * margin), Math.max(1, stageHeight - 2 * margin)];
  const scale = Math.min(room[0] / width, room[1] / height);
  return { scale, x: (stageWidth - width * scale) / 2, y: (stageHeight - height * scale) / 2 };
}

export function toStage([x, y], view) {
  return [(x + 0.5) * view.scale + view.x, (y + 0.5) * view.scale + view.y];
}

export function toPicture([x, y], view) {
  return [(x - view.x) / view.scale - 0.5, (y - view.y) / view.scale - 0.5];
}

/** Keeps the picture from leaving the stage: where it is larger it covers the stage, where smaller it stays inside. */
export function clampView(view, stage, size) {
  const [x, y] = [0, 1].map((axis) => {
    const free = stage[axis] - size[axis] * view.scale;
    const at = axis === 0 ? view.x : view.y;
    return Math.min(Math.max(at, Math.min(0, free)), Math.max(0, free));
  });
  return { scale: view.scale, x, y };
}

/** Zooms by `factor`, the picture point under `at` (stage point) staying there as far as the borders allow. */
export function zoomAt(view, at, factor, stage, size) {
  const fit = fitView(stage, size).scale;
  const scale = Math.min(Math.max(view.scale * factor, fit * MIN_SHARE), Math.max(MAX_SCALE, fit));
  const point = toPicture(at, view);
  const moved = { scale, x: at[0] - (point[0] + 0.5) * scale, y: at[1] - (point[1] + 0.5) * scale };
  return clampView(moved, stage, size);
}

export function panBy(view, dx, dy, stage, size) {
  return clampView({ scale: view.scale, x: view.x + dx, y: view.y + dy }, stage, size);
}

/** Two fingers that were at `before` (two stage points) and are now at `after`: pan and zoom together. */
export function pinch(view, before, after, stage, size) {
  const middle = ([a, b]) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const apart = ([a, b]) => Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1]));
  const [from, to] = [middle(before), middle(after)];
  const moved = panBy(view, to[0] - from[0], to[1] - from[1], stage, size);
  return zoomAt(moved, to, apart(after) / apart(before), stage, size);
}

function distanceToSegment(point, from, to) {
  const along = [to[0] - from[0], to[1] - from[1]];
  const length2 = along[0] ** 2 + along[1] ** 2;
  const share = length2 === 0 ? 0 : ((point[0] - from[0]) * along[0] + (point[1] - from[1]) * along[1]) / length2;
  const t = Math.min(Math.max(share, 0), 1);
  return Math.hypot(point[0] - from[0] - t * along[0], point[1] - from[1] - t * along[1]);
}

/**
 * What lies under stage point `at`: a selection, or null. An end of an arrow wins over a mask point, a point over an
 * arrow's line, the selected point over others, a target over its handle, later pairs over earlier. Of a pin both ends
 * are hit at once. `reach` is in CSS pixels.
 */
export function hitTest(picks, view, at, reach, selected = null) {
  const near = [];
  const consider = (kind, index, point, handicap) => {
    const stagePoint = toStage(point, view);
    const distance = Math.hypot(at[0] - stagePoint[0], at[1] - stagePoint[1]);
    if (distance > reach) return;
    const isSelected = selected?.index === index && (selected.kind === kind || selected.kind === "pair");
    near.push({ kind, index, cost: distance + handicap - (isSelected ? reach : 0) });
  };
  picks.pairs.forEach(({ handle, target }, index) => {
    consider("handle", index, handle, 0);
    consider("target", index, target, 0);
  });
  picks.mask_points.forEach((point, index) => consider("mask", index, point, 2 * reach));
  if (near.length > 0) {
    const { kind, index } = near.reduce((a, b) => (b.cost <= a.cost ? b : a));
    return { kind: kind !== "mask" && isPin(picks.pairs[index]) ? "pair" : kind, index };
  }
  for (let index = picks.pairs.length - 1; index >= 0; index--) {
    const { handle, target } = picks.pairs[index];
    if (distanceToSegment(at, toStage(handle, view), toStage(target, view)) <= reach / 2)
      return { kind: "pair", index };
  }
  return null;
}
