/**
 * How far each place of a mesh turns to begin with: dragvideo_core/displacement/turning.py written again, held to the same
 * numbers by tests. A long part swings about its joint with its handle; what is round about its handle does not turn. No DOM.
 */

const JOINT = [0.03, 0.2]; // of the handle's way: what follows so much is where the part begins
const WHOLE = 0.15; // of the handle's way: what follows so much more than the joint's lower end turns wholly
const HAND = 0.8; // of the handle's way: what follows more is the part about the handle
const ROUND = 1.3; // of its length by its breadth: up to this it does not turn
const LONG = 1.5; // from this on it turns wholly
const PIN = 0.1; // px: a point that moves less holds its place
const LEAST = 4; // vertices that a joint, or the part about a handle, is judged by

const within = (value, low, high) => Math.min(Math.max(value, low), high);

/** The part that one point holds: from its joint to the handle. It stays the same while the target moves. */
export class Arm {
  /**
   * `share` (V): how much of the way of the `point` [x, y] a vertex of the mesh goes. The part's shape is judged in the largest
   * circle about the point that the picture holds.
   */
  constructor({ vertices, size }, share, [pointX, pointY]) {
    this.share = share;
    const shown = Math.min(pointX, pointY, size[0] - 1 - pointX, size[1] - 1 - pointY);
    const [joint, moments] = [
      [0, 0, 0],
      [0, 0, 0, 0],
    ];
    share.forEach((follows, at) => {
      const [x, y] = [vertices[2 * at], vertices[2 * at + 1]];
      if (follows > JOINT[0] && follows < JOINT[1]) [x, y, 1].forEach((value, k) => (joint[k] += value));
      const [dx, dy] = [x - pointX, y - pointY];
      if (follows > HAND && Math.hypot(dx, dy) <= shown) [dx * dx, dx * dy, dy * dy, 1].forEach((value, k) => (moments[k] += value));
    });
    this.turns = joint[2] >= LEAST && moments[3] >= LEAST ? within((elongation(moments) - ROUND) / (LONG - ROUND), 0, 1) : 0;
    this.arm = [pointX - joint[0] / joint[2], pointY - joint[1] / joint[2]];
  }

  /** The turn of the part for a `move` [dx, dy] of its point, radians. */
  turn([dx, dy]) {
    if (this.turns === 0) return 0;
    const [x, y] = this.arm;
    const angle = Math.atan2(x * (y + dy) - y * (x + dx), x * (x + dx) + y * (y + dy));
    return this.turns * within(2 * Math.cos(angle), 0, 1) * angle;
  }
}

/** The turn of each vertex to begin with, (V) radians, for the `moves` of the points that hold the `arms`: none where several move. */
export function firstTurns(arms, moves) {
  const [turns, weights] = [0, 1].map(() => new Float64Array(arms[0].share.length));
  if (moves.filter((move) => Math.hypot(...move) > PIN).length > 1) return turns;
  arms.forEach((arm, index) => {
    const turn = arm.turn(moves[index]);
    arm.share.forEach((share, at) => {
      turns[at] += share * turn;
      weights[at] += share;
    });
  });
  return turns.map((turn, at) => (within((weights[at] - JOINT[0]) / WHOLE, 0, 1) * turn) / Math.max(weights[at], JOINT[0]));
}

/** Length by breadth of what has these sums of squares and products [xx, xy, yy] about a point. */
function elongation([xx, xy, yy]) {
  const [middle, half] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  return Math.sqrt(Math.max(middle + half, 1e-9) / Math.max(middle - half, 1e-9));
}
