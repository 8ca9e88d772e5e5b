/**
 * Bends a mesh so that the handles come to their targets and all between stays as rigid as it can:
 * dragvideo_core/displacement/pulls.py and rigid.py written again, held to the same numbers by tests. No DOM.
 */

import { placeIn } from "./mesh.mjs";
import { Arm, firstTurns } from "./turning.mjs";

const PULL = 1000; // of a set, in units of an edge's strength
const STAY = 1e-5; // holds pieces of the mesh that no point and no anchor holds
const DISC = 1 / 16; // of the picture's shorter side: the radius of what is held in the hand
const ALIKE = 1.25; // pairs whose distance changes by less than this factor turn what they hold: their discs may overlap

const mean = (points) => [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);

/**
 * What point sets ask of a mesh. `sets`: `[{ points: [[x, y], ...], move: [dx, dy] }]`, one per pair; a set pulls with the
 * middle of its points on the mesh. Returns `{ points, moves, discs: [[x, y, radius], ...] }`.
 */
export function pullsOf(mesh, sets, size) {
  const [points, moves] = [[], []];
  for (const { points: all, move } of sets) {
    const used = all.filter((point) => placeIn(mesh, point).cell >= 0);
    if (used.length === 0) continue;
    points.push(onMesh(mesh, used));
    moves.push(move);
  }
  return { points, moves, discs: discsOf(mesh, points, moves, size) };
}

const distance = ([x, y], [otherX, otherY]) => Math.hypot(otherX - x, otherY - y);

/** The middle of places on the mesh, or the one nearest to it where the middle is not on the mesh. */
function onMesh(mesh, places) {
  const middle = mean(places);
  if (placeIn(mesh, middle).cell >= 0) return middle;
  return places.reduce((best, place) => (distance(place, middle) < distance(best, middle) ? place : best));
}

/** A disc reaches at most half the way to an anchor, and to a point that comes nearer or goes away. */
function discsOf(mesh, points, moves, size) {
  const ends = points.map(([x, y], index) => [x + moves[index][0], y + moves[index][1]]);
  return points.map((point, index) => {
    let least = Infinity;
    mesh.held.forEach((is, at) => {
      if (is) least = Math.min(least, distance([mesh.vertices[2 * at], mesh.vertices[2 * at + 1]], point));
    });
    points.forEach((other, at) => {
      const [before, after] = [distance(other, point), distance(ends[at], ends[index])];
      if (before > 0 && (after < before / ALIKE || after > before * ALIKE)) least = Math.min(least, before);
    });
    return [...point, Math.min(DISC * Math.min(...size), least / 2)];
  });
}

/** A mesh with handles in their places, its matrix factorised: only the targets may still change. */
export class HeldMesh {
  /** `points`, `discs`: of `pullsOf`; `stiff`: how many times as strong edges inside of a disc are. */
  constructor(mesh, { points, discs }, stiff) {
    this.mesh = mesh;
    const count = mesh.held.length;
    this.place = new Int32Array(count).fill(-1);
    this.free = [];
    for (let at = 0; at < count; at++) if (!mesh.held[at]) this.place[at] = this.free.push(at) - 1;
    this.strength = strengths(mesh, discs, stiff);
    this.places = points.map((point) => placeIn(mesh, point));
    if (this.free.length > 0 && points.length > 0) {
      this.#factorise();
      this.arms = points.map((point, index) => new Arm(mesh, this.#follows(index), point));
    }
  }

  /** Which vertices (V) are at the points: 1, else 0. */
  get pulled() {
    const pulled = new Uint8Array(this.mesh.held.length);
    for (const { cell } of this.places) for (let corner = 0; corner < 4; corner++) pulled[this.mesh.cells[4 * cell + corner]] = 1;
    return pulled;
  }

  /** Displacements (2 V) px of the vertices for the points' `moves`, after `rounds` rounds. */
  bend(moves, rounds) {
    const moved = new Float64Array(2 * this.mesh.held.length);
    if (!this.factor || moves.length === 0) return moved;
    const pulled = new Float64Array(moved.length);
    this.places.forEach(({ cell, shares }, index) =>
      shares.forEach((share, corner) => {
        const at = 2 * this.mesh.cells[4 * cell + corner];
        pulled[at] += PULL * share * moves[index][0];
        pulled[at + 1] += PULL * share * moves[index][1];
      }),
    );
    const first = firstTurns(this.arms, moves);
    const rest = this.#stretched(first);
    let { turns } = first;
    for (let round = 0; round <= rounds; round++) {
      if (round > 0) turns = this.#turns(rest, moved);
      this.#solve(this.#asked(rest, pulled, turns), moved);
    }
    return moved;
  }

  /** How much of the way of a point each vertex goes in the harmonic start, (V). */
  #follows(index) {
    const { cell, shares } = this.places[index];
    const [asked, found] = [0, 1].map(() => new Float64Array(2 * this.mesh.held.length));
    shares.forEach((share, corner) => (asked[2 * this.mesh.cells[4 * cell + corner]] += PULL * share));
    this.#solve(asked, found);
    return Float64Array.from(this.mesh.held, (_, at) => found[2 * at]);
  }

  /** The lower Cholesky factor of the free vertices' matrix: row i holds columns i - band ... i. */
  #factorise() {
    const { mesh, place, strength } = this;
    this.band = bandOf(mesh, place);
    const wide = this.band + 1;
    const factor = new Float64Array(this.free.length * wide);
    const add = (u, v, value) => {
      const row = Math.max(place[u], place[v]);
      const column = Math.min(place[u], place[v]);
      if (column >= 0) factor[row * wide + this.band + column - row] += value;
    };
    for (let at = 0; at < place.length; at++) add(at, at, STAY);
    strength.forEach((value, edge) => {
      const [u, v] = [mesh.edges[2 * edge], mesh.edges[2 * edge + 1]];
      add(u, u, value);
      add(v, v, value);
      add(u, v, -value);
    });
    for (const { cell, shares } of this.places)
      shares.forEach((one, a) =>
        shares.forEach((other, b) => {
          const [u, v] = [mesh.cells[4 * cell + a], mesh.cells[4 * cell + b]];
          if (place[u] >= place[v]) add(u, v, PULL * one * other);
        }),
      );
    this.factor = cholesky(factor, this.free.length, this.band);
  }

  /** Solves for the free vertices; `right` and `moved` (2 V), held ones stay. */
  #solve(right, moved) {
    const { factor, band, free } = this;
    const wide = band + 1;
    const x = new Float64Array(2 * free.length);
    for (let i = 0; i < free.length; i++) {
      let [a, b] = [right[2 * free[i]], right[2 * free[i] + 1]];
      const row = i * wide + band - i;
      for (let j = Math.max(0, i - band); j < i; j++) {
        a -= factor[row + j] * x[2 * j];
        b -= factor[row + j] * x[2 * j + 1];
      }
      x[2 * i] = a / factor[row + i];
      x[2 * i + 1] = b / factor[row + i];
    }
    for (let i = free.length - 1; i >= 0; i--) {
      const row = i * wide + band - i;
      const [a, b] = [x[2 * i] / factor[row + i], x[2 * i + 1] / factor[row + i]];
      x[2 * i] = moved[2 * free[i]] = a;
      x[2 * i + 1] = moved[2 * free[i] + 1] = b;
      for (let j = Math.max(0, i - band); j < i; j++) {
        x[2 * j] -= factor[row + j] * a;
        x[2 * j + 1] -= factor[row + j] * b;
      }
    }
  }

  /** The edges at rest (6 E) px: as they are, as they are stretched at their first end, and at their second. */
  #stretched({ growth, along }) {
    const { edges, vertices } = this.mesh;
    const rest = new Float64Array(3 * edges.length);
    for (let edge = 0; edge < edges.length; edge += 2) {
      const [u, v] = [edges[edge], edges[edge + 1]];
      const x = vertices[2 * u] - vertices[2 * v];
      const y = vertices[2 * u + 1] - vertices[2 * v + 1];
      const uGrows = growth[u] * (x * along[2 * u] + y * along[2 * u + 1]);
      const vGrows = growth[v] * (x * along[2 * v] + y * along[2 * v + 1]);
      const at = 3 * edge;
      rest[at] = x;
      rest[at + 1] = y;
      rest[at + 2] = x + uGrows * along[2 * u];
      rest[at + 3] = y + uGrows * along[2 * u + 1];
      rest[at + 4] = x + vGrows * along[2 * v];
      rest[at + 5] = y + vGrows * along[2 * v + 1];
    }
    return rest;
  }

  /** The turn of each vertex that takes its stretched edges nearest to the bent ones, (V) radians; 0 at held ones. */
  #turns(rest, moved) {
    const { mesh, strength } = this;
    const count = mesh.held.length;
    const [cosine, sine] = [new Float64Array(count), new Float64Array(count)];
    const { edges, held } = mesh;
    for (let edge = 0; edge < strength.length; edge++) {
      const u = edges[2 * edge];
      const v = edges[2 * edge + 1];
      const at = 6 * edge;
      const x = (rest[at + 2] + rest[at + 4]) / 2;
      const y = (rest[at + 3] + rest[at + 5]) / 2;
      const bentX = rest[at] + moved[2 * u] - moved[2 * v];
      const bentY = rest[at + 1] + moved[2 * u + 1] - moved[2 * v + 1];
      const along = strength[edge] * (x * bentX + y * bentY);
      const across = strength[edge] * (x * bentY - y * bentX);
      cosine[u] += along;
      cosine[v] += along;
      sine[u] += across;
      sine[v] += across;
    }
    return cosine.map((along, at) => (held[at] ? 0 : Math.atan2(sine[at], along)));
  }

  /** The right side with the stretched edges turned by `turns` (V). */
  #asked(rest, pulled, turns) {
    const { edges } = this.mesh;
    const { strength } = this;
    const [cosine, sine] = [turns.map(Math.cos), turns.map(Math.sin)];
    const asked = pulled.slice();
    for (let edge = 0; edge < strength.length; edge++) {
      const u = edges[2 * edge];
      const v = edges[2 * edge + 1];
      const at = 6 * edge;
      const x = cosine[u] * rest[at + 2] - sine[u] * rest[at + 3] + cosine[v] * rest[at + 4] - sine[v] * rest[at + 5];
      const y = sine[u] * rest[at + 2] + cosine[u] * rest[at + 3] + sine[v] * rest[at + 4] + cosine[v] * rest[at + 5];
      const dx = strength[edge] * (x / 2 - rest[at]);
      const dy = strength[edge] * (y / 2 - rest[at + 1]);
      asked[2 * u] += dx;
      asked[2 * u + 1] += dy;
      asked[2 * v] -= dx;
      asked[2 * v + 1] -= dy;
    }
    return asked;
  }
}

/** How far apart in the matrix joined free vertices lie at most: the corners of a point's cell are joined. */
function bandOf({ edges }, place) {
  let widest = 0;
  for (let at = 0; at < edges.length; at += 2) {
    const [u, v] = [place[edges[at]], place[edges[at + 1]]];
    if (u >= 0 && v >= 0) widest = Math.max(widest, Math.abs(u - v));
  }
  return widest;
}

function strengths({ edges, vertices }, discs, stiff) {
  const found = new Float64Array(edges.length / 2);
  for (let edge = 0; edge < found.length; edge++) {
    const [u, v] = [2 * edges[2 * edge], 2 * edges[2 * edge + 1]];
    const [x, y] = [(vertices[u] + vertices[v]) / 2, (vertices[u + 1] + vertices[v + 1]) / 2];
    found[edge] = discs.some((disc) => Math.hypot(x - disc[0], y - disc[1]) <= disc[2]) ? stiff : 1;
  }
  return found;
}

/** Factorises a banded matrix in place: `count` rows of band + 1 numbers, the diagonal last. */
function cholesky(matrix, count, band) {
  const wide = band + 1;
  for (let i = 0; i < count; i++) {
    const row = i * wide + band - i;
    for (let j = Math.max(0, i - band); j <= i; j++) {
      const other = j * wide + band - j;
      let sum = matrix[row + j];
      for (let k = Math.max(0, i - band, j - band); k < j; k++) sum -= matrix[row + k] * matrix[other + k];
      matrix[row + j] = j === i ? Math.sqrt(sum) : sum / matrix[other + j];
    }
  }
  return matrix;
}
