/**
 * From a bent mesh to a map that says of every pixel where it comes from: dragvideo_core/displacement/backward_map.py
 * and folds.py written again, held to the same numbers by tests. No DOM.
 */

const TRIANGLES = [
  [0, 1, 2],
  [1, 3, 2],
]; // of a cell's corners
const STILL = 1 / 32; // px: less is no move
const MENDS = 12; // rounds of smoothing that may undo a fold
const HALVINGS = 6; // of the whole drag, where smoothing did not

/** The vertices of each triangle of the mesh, Int32Array (3 T). */
export function trianglesOf({ cells }) {
  const corners = new Int32Array((cells.length / 4) * 6);
  let at = 0;
  for (const three of TRIANGLES)
    for (let cell = 0; cell < cells.length; cell += 4) for (const corner of three) corners[at++] = cells[cell + corner];
  return corners;
}

/** Which triangles have turned over; null where none has. */
function foldsOf({ vertices }, triangles, moved, share = 1) {
  let folds = null;
  const x = (vertex) => vertices[2 * vertex] + share * moved[2 * vertex];
  const y = (vertex) => vertices[2 * vertex + 1] + share * moved[2 * vertex + 1];
  for (let at = 0; at < triangles.length; at += 3) {
    const [a, b, c] = [triangles[at], triangles[at + 1], triangles[at + 2]];
    const area = (x(b) - x(a)) * (y(c) - y(a)) - (y(b) - y(a)) * (x(c) - x(a));
    if (area <= 0) (folds ??= new Uint8Array(triangles.length / 3))[at / 3] = 1;
  }
  return folds;
}

/**
 * Displacements (2 V) px without folds: the vertices round folds, but those `kept` (V), are moved to the mean of their neighbours; where a fold
 * is still there after that, the whole drag is made shorter.
 */
export function unfolded(mesh, triangles, given, kept) {
  let folds = foldsOf(mesh, triangles, given);
  if (!folds) return given;
  const moved = given.slice();
  for (let round = 0; round < MENDS; round++) {
    smoothNear(mesh, triangles, folds, moved, kept);
    folds = foldsOf(mesh, triangles, moved);
    if (!folds) return moved;
  }
  let [low, high] = [0, 1];
  for (let halving = 0; halving < HALVINGS; halving++) {
    const middle = (low + high) / 2;
    if (foldsOf(mesh, triangles, moved, middle)) high = middle;
    else low = middle;
  }
  return moved.map((value) => low * value);
}

function smoothNear({ edges, held }, triangles, folds, moved, kept) {
  const near = new Uint8Array(held.length);
  triangles.forEach((vertex, at) => folds[Math.floor(at / 3)] && (near[vertex] = 1));
  const folded = near.slice();
  for (let at = 0; at < edges.length; at += 2) {
    if (folded[edges[at]]) near[edges[at + 1]] = 1;
    if (folded[edges[at + 1]]) near[edges[at]] = 1;
  }
  const [count, sums] = [new Float64Array(held.length), new Float64Array(moved.length)];
  for (let at = 0; at < edges.length; at += 2)
    for (const [one, other] of [
      [edges[at], edges[at + 1]],
      [edges[at + 1], edges[at]],
    ]) {
      count[one]++;
      sums[2 * one] += moved[2 * other];
      sums[2 * one + 1] += moved[2 * other + 1];
    }
  near.forEach((is, vertex) => {
    if (!is || held[vertex] || kept[vertex]) return;
    moved[2 * vertex] = sums[2 * vertex] / count[vertex];
    moved[2 * vertex + 1] = sums[2 * vertex + 1] / count[vertex];
  });
}

/**
 * Where the pixels of a picture of `size` [W, H] come from: `{ lands, x, y }`, each one number per pixel. `lands`: does a
 * triangle of the bent mesh lie there? (x, y): the place at rest. Where several lie, it is the one that moved furthest.
 */
export function backward(mesh, triangles, moved, [width, height]) {
  const lands = new Uint8Array(width * height);
  const [x, y] = [new Float32Array(width * height), new Float32Array(width * height)];
  const at = Float64Array.from(mesh.vertices, (value, index) => value + moved[index]);
  for (const triangle of order(triangles, moved)) {
    const [a, b, c] = [2 * triangles[3 * triangle], 2 * triangles[3 * triangle + 1], 2 * triangles[3 * triangle + 2]];
    const ax = at[a];
    const ay = at[a + 1];
    const [bx, by, cx, cy] = [at[b] - ax, at[b + 1] - ay, at[c] - ax, at[c + 1] - ay];
    const area = bx * cy - by * cx;
    const left = Math.max(0, Math.ceil(ax + Math.min(0, bx, cx)));
    const right = Math.min(width - 1, Math.floor(ax + Math.max(0, bx, cx)));
    const top = Math.max(0, Math.ceil(ay + Math.min(0, by, cy)));
    const bottom = Math.min(height - 1, Math.floor(ay + Math.max(0, by, cy)));
    const [restX, restY] = [mesh.vertices[a], mesh.vertices[a + 1]];
    const [alongX, alongY] = [mesh.vertices[b] - restX, mesh.vertices[b + 1] - restY];
    const [downX, downY] = [mesh.vertices[c] - restX, mesh.vertices[c + 1] - restY];
    for (let row = top; row <= bottom; row++) {
      let second = (cy * (left - ax) - cx * (row - ay)) / area;
      let third = (bx * (row - ay) - by * (left - ax)) / area;
      for (let pixel = row * width + left; pixel <= row * width + right; pixel++) {
        if (second >= -1e-9 && third >= -1e-9 && second + third <= 1 + 1e-9) {
          lands[pixel] = 1;
          x[pixel] = restX + second * alongX + third * downX;
          y[pixel] = restY + second * alongY + third * downY;
        }
        second += cy / area;
        third -= by / area;
      }
    }
  }
  return { lands, x, y };
}

/** The triangles in the order of how far they moved. */
function order(triangles, moved) {
  const far = (vertex) => Math.hypot(moved[2 * vertex], moved[2 * vertex + 1]);
  const way = new Float64Array(triangles.length / 3);
  for (let at = 0; at < way.length; at++)
    way[at] = (far(triangles[3 * at]) + far(triangles[3 * at + 1]) + far(triangles[3 * at + 2])) / 3;
  // One number per triangle, which sorts much faster than with a comparison: the way in steps of 2 ** -20 px, then the index.
  const keys = way.map((length, index) => Math.floor(length * 2 ** 20) * way.length + index).sort();
  return keys.map((key) => key % way.length);
}

/** Which cells of the mesh move at all, Uint8Array (M). */
export function movingCells({ cells }, moved) {
  const found = new Uint8Array(cells.length / 4);
  for (let at = 0; at < cells.length; at++)
    if (Math.hypot(moved[2 * cells[at]], moved[2 * cells[at] + 1]) > STILL) found[at >> 2] = 1;
  return found;
}
