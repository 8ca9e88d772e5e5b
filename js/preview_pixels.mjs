/** Draws the bent layer over the ground: dragvideo_core/displacement/compose.py for the eye, pixel by pixel. No DOM. */

import { movingCells } from "./warp.mjs";

const STILL = 1 / 32; // px: less is no move
const WHOLE = 0.98; // a pixel that the layer covers so much after the drag shows no ground
/** Freed ground: diagonal stripes of two greys, each so many pixels wide. */
const STRIPE = 5;
const GREYS = [70, 100];

/** RGBA bytes of the displaced picture; see LivePreview. `map`: of `backward`. */
export function composed(picture, scene, mesh, moved, map, [width, height]) {
  const made = new Uint8Array(picture);
  if (scene.matte) composeLayer(made, picture, scene, leftBehind(mesh, moved, width, height), map, width, height);
  else composeAll(made, picture, scene.mask, map, width, height);
  return new Uint8ClampedArray(made.buffer);
}

/** Everything inside the mask bends. */
function composeAll(made, picture, mask, { lands, x, y }, width, height) {
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++, at++) {
      if (!mask[at] || !lands[at]) continue;
      if (!isAway(x[at], y[at], column, row)) continue;
      sample(picture, width, height, x[at], y[at], made, 4 * at);
    }
}

/** The layer bends over the ground, which is hatched where it came free. */
function composeLayer(made, picture, { mask, region, matte }, left, { lands, x, y }, width, height) {
  for (let row = 0, at = 0; row < height; row++)
    for (let column = 0; column < width; column++, at++) {
      if (!mask[at] || (!lands[at] && !left[at])) continue;
      const isMoving = lands[at] && isAway(x[at], y[at], column, row);
      if (!isMoving && !left[at]) continue;
      const stays = left[at] ? 0 : matte[at] / 255;
      const after = isMoving ? Math.max(stays, covering(matte, width, height, x[at], y[at])) : 0;
      const isFreed = left[at] && (isMoving || !lands[at]) && region[at] && after < WHOLE;
      if (!isFreed && after === 0) continue;
      if (after > 0) sample(picture, width, height, x[at], y[at], made, 4 * at);
      const grey = GREYS[Math.floor((column + row) / STRIPE) % 2];
      for (let channel = 4 * at; channel < 4 * at + 3; channel++) {
        const ground = isFreed ? grey : picture[channel];
        made[channel] = after * made[channel] + (1 - after) * ground + 0.5;
      }
    }
}

/** The pixels that lie in a cell of the mesh at rest that moved. */
function leftBehind(mesh, moved, width, height) {
  const moving = movingCells(mesh, moved);
  const left = new Uint8Array(width * height);
  const [firstColumn, firstRow] = mesh.corner.map((edge) => Math.round(edge + 0.5));
  for (let row = 0; row < mesh.rows; row++)
    for (let column = 0; column < mesh.columns; column++) {
      const cell = mesh.cellAt[row * mesh.columns + column];
      if (cell < 0 || !moving[cell]) continue;
      const [x, y] = [firstColumn + column * mesh.spacing, firstRow + row * mesh.spacing];
      const [from, to] = [Math.max(0, x), Math.min(width, x + mesh.spacing)];
      for (let line = Math.max(0, y); line < Math.min(height, y + mesh.spacing); line++)
        if (from < to) left.fill(1, line * width + from, line * width + to);
    }
  return left;
}

const isAway = (x, y, column, row) => Math.abs(x - column) > STILL || Math.abs(y - row) > STILL;

const inside = (value, side) => (value < 0 ? 0 : value > side - 1 ? side - 1 : value);

/** Puts the colour of RGBA bytes between pixels into `made` at `to`, bilinear; beyond the border the nearest pixel. */
function sample(picture, width, height, x, y, made, to) {
  const px = inside(x, width);
  const py = inside(y, height);
  const column = Math.min(Math.floor(px), width - 2);
  const row = Math.min(Math.floor(py), height - 2);
  const right = px - column;
  const down = py - row;
  const first = 4 * (row * width + column);
  const below = first + 4 * width;
  for (let channel = 0; channel < 3; channel++) {
    const upper = picture[first + channel] * (1 - right) + picture[first + 4 + channel] * right;
    const lower = picture[below + channel] * (1 - right) + picture[below + 4 + channel] * right;
    made[to + channel] = upper * (1 - down) + lower * down + 0.5;
  }
}

/** How much a layer covers (0 ... 1) between pixels, bilinear. */
function covering(matte, width, height, x, y) {
  const px = inside(x, width);
  const py = inside(y, height);
  const column = Math.min(Math.floor(px), width - 2);
  const row = Math.min(Math.floor(py), height - 2);
  const right = px - column;
  const down = py - row;
  const first = row * width + column;
  const upper = matte[first] * (1 - right) + matte[first + 1] * right;
  const lower = matte[first + width] * (1 - right) + matte[first + width + 1] * right;
  return (upper * (1 - down) + lower * down) / 255;
}
