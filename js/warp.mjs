/**
 * From a bent mesh to a map that says of every pixel where it comes from: dragvideo_core/displacement/backward_map.py
 * written again, held to the same numbers by tests. No DOM.
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
 * Displacements (2 V) px without folds: the vertices round folds are moved to the mean of their neighbours; where a fold
 * is still there after that, the whole drag is made shorter.
 */
export function unfolded(mesh, triangles, given) {
  let folds = foldsOf(mesh, triangles, given);
  if (!folds) return given;
  const moved = given.slice();
  for (let round = 0; round < MENDS; round++) {
    smoothNear(mesh, triangles, folds, moved);
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

function smoothNear({ edges, held }, triangles, folds, moved) {
  const near = new Uint8Array(held.length);
  triangles.forEach((vertex, at) => folds[Math.floor(at / 3)] && (near[vertex] = 1));
  const grow = (to, from) => {
    const before = near.slice(); // of several edges at a vertex the last one counts, as in the core
    for (let at = 0; at < edges.length; at += 2)
      near[edges[at + to]] = before[edges[at + to]] | before[edges[at + from]];
  };
  grow(0, 1);
  grow(1, 0);
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
    if (!is || held[vertex]) return;
    moved[2 * vertex] = sums[2 * vertex] / count[vertex];
    moved[2 * vertex + 1] = sums[2 * vertex + 1] / count[vertex];
  });
}

/**
 * Calls `land(index, x, y)` for every pixel of a picture of `size` [W, H] on which a triangle of the bent mesh lands that
 * moved, (x, y) being the place at rest. Where several land on a pixel, the one that moved further comes last.
 */
export function drawBent(mesh, triangles, moved, [width, height], land) {
  const { vertices } = mesh;
  for (const triangle of order(triangles, moved)) {
    const [a, b, c] = [0, 1, 2].map((corner) => 2 * triangles[3 * triangle + corner]);
    const [ax, ay] = [vertices[a] + moved[a], vertices[a + 1] + moved[a + 1]];
    const [bx, by] = [vertices[b] + moved[b] - ax, vertices[b + 1] + moved[b + 1] - ay];
    const [cx, cy] = [vertices[c] + moved[c] - ax, vertices[c + 1] + moved[c + 1] - ay];
    const area = bx * cy - by * cx;
    const left = Math.max(0, Math.ceil(ax + Math.min(0, bx, cx)));
    const right = Math.min(width - 1, Math.floor(ax + Math.max(0, bx, cx)));
    const top = Math.max(0, Math.ceil(ay + Math.min(0, by, cy)));
    const bottom = Math.min(height - 1, Math.floor(ay + Math.max(0, by, cy)));
    for (let y = top; y <= bottom; y++)
      for (let x = left; x <= right; x++) {
        const second = (cy * (x - ax) - cx * (y - ay)) / area;
        const third = (bx * (y - ay) - by * (x - ax)) / area;
        if (second < -1e-9 || third < -1e-9 || second + third > 1 + 1e-9) continue;
        const first = 1 - second - third;
        land(
          y * width + x,
          first * vertices[a] + second * vertices[b] + third * vertices[c],
          first * vertices[a + 1] + second * vertices[b + 1] + third * vertices[c + 1],
        );
      }
  }
}

/** The triangles in the order of how far they moved. */
function order(triangles, moved) {
  const far = (vertex) => Math.hypot(moved[2 * vertex], moved[2 * vertex + 1]);
  const way = new Float64Array(triangles.length / 3);
  for (let at = 0; at < way.length; at++)
    way[at] = (far(triangles[3 * at]) + far(triangles[3 * at + 1]) + far(triangles[3 * at + 2])) / 3;
  return Uint32Array.from(way.keys()).sort((one, other) => way[one] - way[other] || one - other);
}

/** Which cells of the mesh move at all, Uint8Array (M). */
export function movingCells({ cells }, moved) {
  const found = new Uint8Array(cells.length / 4);
  for (let at = 0; at < cells.length; at++)
    if (Math.hypot(moved[2 * cells[at]], moved[2 * cells[at] + 1]) > STILL) found[at >> 2] = 1;
  return found;
}
