/** What the keys do while the review's stage has the focus. */

import { ARROWS, LARGE_STEP } from "./picker_keys.mjs";
import { actOnKey, PLAYER_KEYS } from "./shared_keys.mjs";

/** Handles a key on the stage; returns whether it meant something. */
export function reviewKey(review, event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return false;
  if (event.key in ARROWS) {
    const [dx, dy] = ARROWS[event.key].map((step) => step * (event.shiftKey ? LARGE_STEP : 1));
    if (!event.repeat) review.history.mergeKey = null;
    if (review.selected !== null) review.nudge(dx, dy, `nudge ${review.frame} ${review.selected} ${event.key}`);
    return true;
  }
  return actOnKey(PLAIN, review, event);
}

function selectNext(review, step) {
  const count = review.pairs().length;
  if (count > 0) review.select(((review.selected ?? (step > 0 ? -1 : 0)) + step + count) % count);
}

const PLAIN = {
  ...PLAYER_KEYS,
  Delete: (review) => review.removeSelected(),
  Backspace: (review) => review.removeSelected(),
  "[": (review) => selectNext(review, -1),
  "]": (review) => selectNext(review, 1),
};
