/**
 * The mesh that the live preview bends: dragvideo_core/displacement/mesh.py written again, held to the same numbers by
 * tests. No DOM.
 *
 * A mask is a Uint8Array of width * height, row by row, 0 or 1. A mesh is a regular grid of square cells of `spacing`
 * px over a region; its corners are the vertices, numbered along the rows from the top:
 *
 *   { vertices: Float64Array (2 V) px, cells: Int32Array (4 M): top left, top right, bottom left, bottom right,
 *     edges: Int32Array (2 E), held: Uint8Array (V), spacing, size of the picture, corner: [x, y] of the grid,
 *     rows, columns: of cells, cellAt: Int32Array (rows * columns), -1 where there is none }
 */

import { roundHalfEven } from "./geometry.mjs";
import { without } from "./regions.mjs";

const CELLS = 64; // along the shorter side of the picture
const SMALLEST = 2; // px, of a cell's side

/** A cell's side in px for pictures of `size` [W, H]. */
export function spacingFor(size) {
  return Math.max(SMALLEST, roundHalfEven(Math.min(...size) / CELLS));
}

/** How many cells cover `side` px and `beyond` at both ends, and the first pixel of the first one. */
function gridLines(side, beyond, spacing, origin) {
  const offset = -beyond - origin;
  const first = -beyond - (offset - spacing * Math.floor(offset / spacing));
  return [Math.ceil((side + beyond - first) / spacing), first];
}

/** For each cell of the grid, the pixels [from, to) of the picture that it shows: at the border the last one goes on. */
function pixelsOf(count, first, spacing, side) {
  const inside = (value) => Math.min(Math.max(value, 0), side - 1);
  return Array.from({ length: count }, (_, index) => {
    const start = first + index * spacing;
    return [inside(start), inside(start + spacing - 1) + 1];
  });
}

/** Which cells of the grid hold a pixel of the mask. */
function cellsWith(mask, rowPixels, columnPixels, width) {
  const columns = columnPixels.length;
  const found = new Uint8Array(rowPixels.length * columns);
  for (let cell = 0; cell < found.length; cell++) {
    const [top, bottom] = rowPixels[Math.floor(cell / columns)];
    const [left, right] = columnPixels[cell % columns];
    for (let y = top; y < bottom && !found[cell]; y++)
      for (let at = y * width + left; at < y * width + right; at++) if (mask[at]) found[cell] = 1;
  }
  return found;
}

/** Cells that have one of the chosen among themselves and their eight neighbours. */
function withNeighbours(chosen, rows, columns) {
  const near = new Uint8Array(chosen.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      if (!chosen[row * columns + column]) continue;
      for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++)
        for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) near[y * columns + x] = 1;
    }
  return near;
}

/**
 * The mesh over `region`, which is the `layer` and a rim, inside of the edit `mask`; all are masks of `size` [W, H].
 * `origin`: px, a place that a vertex falls on; `beyond`: px by which the layer goes on over the picture's border.
 */
export function layerMesh({ region, layer, mask, size: [width, height], spacing, origin, beyond }) {
  const [rows, firstRow] = gridLines(height, beyond, spacing, origin[1]);
  const [columns, firstColumn] = gridLines(width, beyond, spacing, origin[0]);
  const pixels = [pixelsOf(rows, firstRow, spacing, height), pixelsOf(columns, firstColumn, spacing, width), width];
  const near = withNeighbours(cellsWith(mask, ...pixels), rows, columns);
  const shown = cellsWith(region, ...pixels);
  const sticksOut = cellsWith(without(layer, mask), ...pixels);
  const wide = columns + 1;
  const isCorner = new Uint8Array((rows + 1) * wide);
  const isHeld = new Uint8Array((rows + 1) * wide);
  const cellAt = new Int32Array(rows * columns).fill(-1);
  const corners = [];
  let count = 0;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const at = row * columns + column;
      if (!shown[at] || !near[at]) continue;
      cellAt[at] = count++;
      const first = row * wide + column;
      for (const corner of [first, first + 1, first + wide, first + wide + 1]) {
        corners.push(corner);
        isCorner[corner] = 1;
        if (sticksOut[at]) isHeld[corner] = 1;
      }
    }
  const number = new Int32Array(isCorner.length).fill(-1);
  const corner = [firstColumn - 0.5, firstRow - 0.5];
  const [places, held] = [[], []];
  isCorner.forEach((is, at) => {
    if (!is) return;
    number[at] = held.length;
    held.push(isHeld[at]);
    places.push(corner[0] + (at % wide) * spacing, corner[1] + Math.floor(at / wide) * spacing);
  });
  const cells = Int32Array.from(corners, (at) => number[at]);
  const vertices = Float64Array.from(places);
  return {
    vertices,
    cells,
    edges: edgesOf(cells, held.length),
    held: Uint8Array.from(held),
    spacing,
    size: [width, height],
    corner,
    rows,
    columns,
    cellAt,
  };
}

/** The sides and both diagonals of the cells, each once, the lower number first. */
function edgesOf(cells, count) {
  const keys = new Set();
  for (let at = 0; at < cells.length; at += 4)
    for (const [a, b] of [
      [0, 1],
      [2, 3],
      [0, 2],
      [1, 3],
      [0, 3],
      [1, 2],
    ]) {
      const [u, v] = [cells[at + a], cells[at + b]];
      keys.add(Math.min(u, v) * count + Math.max(u, v));
    }
  const sorted = Float64Array.from(keys).sort();
  const edges = new Int32Array(2 * sorted.length);
  sorted.forEach((key, index) => {
    edges[2 * index] = Math.floor(key / count);
    edges[2 * index + 1] = key % count;
  });
  return edges;
}

/** The cell that a point lies in, -1 for none, and the shares of its corners in it: those of its triangle. */
export function placeIn(mesh, [x, y]) {
  const [across, down] = [(x - mesh.corner[0]) / mesh.spacing, (y - mesh.corner[1]) / mesh.spacing];
  const [column, row] = [Math.floor(across), Math.floor(down)];
  const isInside = column >= 0 && row >= 0 && column < mesh.columns && row < mesh.rows;
  const cell = isInside ? mesh.cellAt[row * mesh.columns + column] : -1;
  const [right, low] = [across - column, down - row];
  const over = right + low - 1; // the shares of the corners of the triangle that the point lies in
  return { cell, shares: over <= 0 ? [-over, right, low, 0] : [0, 1 - low, 1 - right, over] };
}
