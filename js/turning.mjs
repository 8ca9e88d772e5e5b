/**
 * How each place of a mesh turns and stretches to begin with: dragvideo_core/displacement/turning.py written again, held to the
 * same numbers by tests. A part swings about its joint with its handle, and grows along itself, so that a bow stays the same share
 * of its length; what is about its handle does not grow, and turns only where it is long. No DOM.
 */

const JOINT = [0.03, 0.2]; // of the handle's way: what follows so much is where the part begins
const WHOLE = 0.15; // of the handle's way: what follows so much more than the joint's lower end turns and grows wholly
const HAND = 0.8; // of the handle's way: what follows more tells whether the part about the handle is long
const HELD = 0.9; // of the handle's way: what follows more goes with the hand, wholly what follows all of it
const AROUND = 0.7; // of how far the joint's parts are from the handle: where its middle is no farther it is no joint
const ASIDE = 0.9; // from this on it is wholly one
const ROUND = 1.3; // of its length by its breadth: up to this it does not turn
const LONG = 1.5; // from this on it turns wholly
const PIN = 0.1; // px: a point that moves less holds its place
const LEAST = 4; // vertices that a joint, or the part about a handle, is judged by
const MOST = 2; // times as long, or as short, as a part becomes

const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** The part that one point holds: from its joint to the handle. It stays the same while the target moves. */
export class Arm {
  /**
   * `share` (V): how much of the way of the `point` [x, y] a vertex of the mesh goes. The shape of what is about the point is judged
   * in the largest circle about it that the picture holds.
   */
  constructor(mesh, share, [pointX, pointY]) {
    const { vertices, size } = mesh;
    this.share = share;
    const shown = Math.min(pointX, pointY, size[0] - 1 - pointX, size[1] - 1 - pointY);
    const [joint, moments] = [
      [0, 0, 0, 0],
      [0, 0, 0, 0],
    ];
    share.forEach((follows, at) => {
      const [x, y] = [vertices[2 * at], vertices[2 * at + 1]];
      const [dx, dy] = [x - pointX, y - pointY];
      if (follows > JOINT[0] && follows < JOINT[1]) [-dx, -dy, Math.hypot(dx, dy), 1].forEach((value, k) => (joint[k] += value));
      if (follows > HAND && Math.hypot(dx, dy) <= shown) [dx * dx, dx * dy, dy * dy, 1].forEach((value, k) => (moments[k] += value));
    });
    this.isLong = moments[3] >= LEAST ? within((elongation(moments) - ROUND) / (LONG - ROUND), 0, 1) : 0;
    this.arm = joint[3] >= LEAST ? [joint[0] / joint[3], joint[1] / joint[3]] : null;
    this.isAside = within((Math.hypot(joint[0], joint[1]) / joint[2] - AROUND) / (ASIDE - AROUND), 0, 1);
    this.along = directions(mesh, share);
  }

  /** For a `move` [dx, dy] of its point: the `turn` of the part, radians; how many times as long it becomes, `size`; the turn of the `hand`. */
  way([dx, dy]) {
    if (!this.arm) return { turn: 0, size: 1, hand: 0 };
    const [x, y] = this.arm;
    const angle = Math.atan2(x * (y + dy) - y * (x + dx), x * (x + dx) + y * (y + dy));
    const isSure = this.isAside * within(2 * Math.cos(angle), 0, 1);
    const size = within(Math.hypot(x + dx, y + dy) / Math.max(Math.hypot(x, y), 1e-6), 1 / MOST, MOST);
    return { turn: isSure * angle, size: size ** isSure, hand: isSure * angle * this.isLong };
  }
}

/**
 * How each vertex turns and stretches to begin with, for the `moves` of the points that hold the `arms`: `turns` (V) radians, and
 * how much it grows (V) as a share `along` (2 V) its part. Nothing turns where several points move.
 */
export function firstTurns(arms, moves) {
  const count = arms[0].share.length;
  const [turns, growth] = [0, 1].map(() => new Float64Array(count));
  const moving = arms.filter((_, index) => Math.hypot(...moves[index]) > PIN);
  if (moving.length !== 1) return { turns, growth, along: new Float64Array(2 * count) };
  const [arm] = moving;
  const { turn, size, hand } = arm.way(moves[arms.indexOf(arm)]);
  arm.share.forEach((share, at) => {
    const inHand = within((share - HELD) / (1 - HELD), 0, 1);
    const follows = within((share - JOINT[0]) / WHOLE, 0, 1);
    turns[at] = follows * (inHand * hand + (1 - inHand) * turn);
    growth[at] = Math.exp(follows * (1 - inHand) * Math.log(size)) - 1;
  });
  return { turns, growth, along: arm.along };
}

/** Unit vectors (2 V) in which the share rises, 0 where it does not: along the part, towards the handle. */
function directions({ vertices, edges }, share) {
  const along = new Float64Array(2 * share.length);
  for (let edge = 0; edge < edges.length; edge += 2) {
    const [u, v] = [edges[edge], edges[edge + 1]];
    const [x, y] = [vertices[2 * v] - vertices[2 * u], vertices[2 * v + 1] - vertices[2 * u + 1]];
    const rise = (share[v] - share[u]) / (x * x + y * y);
    for (const at of [2 * u, 2 * v]) {
      along[at] += rise * x;
      along[at + 1] += rise * y;
    }
  }
  for (let at = 0; at < along.length; at += 2) {
    const length = Math.max(Math.hypot(along[at], along[at + 1]), 1e-9);
    along[at] /= length;
    along[at + 1] /= length;
  }
  return along;
}

/** Length by breadth of what has these sums of squares and products [xx, xy, yy] about a point. */
function elongation([xx, xy, yy]) {
  const [middle, half] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  return Math.sqrt(Math.max(middle + half, 1e-9) / Math.max(middle - half, 1e-9));
}
