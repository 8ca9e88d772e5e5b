import { fire, labelled } from "./fake_page.mjs";

import assert from "node:assert/strict";
import { test } from "node:test";

import { PropagationReview } from "../../js/review.mjs";

const SAVED = [0, 1, 2, 3, 4].map((index) => ({ filename: `${index}.jpg`, subfolder: "", type: "temp" }));
const SET = [[[10, 10]]];
const TRACKS = {
  size: [128, 128],
  frame: 0,
  handles: SAVED.map(() => SET),
  targets: SAVED.map(() => SET),
  mask_points: SAVED.map(() => []),
  mask_radius: 7,
};

function review() {
  const made = new PropagationReview({ onChange: () => {}, viewUrl: ({ filename }) => filename });
  made.executed({ drag_a_video_tracks: [TRACKS], drag_a_video_frames: SAVED });
  return made;
}

test("the slider goes to the frame that it is dragged to, playing or not", () => {
  for (const isPlaying of [false, true]) {
    const made = review();
    made.play(isPlaying);
    const slider = labelled(made.root, "Frame");
    slider.value = "3";
    fire(slider, "input");
    assert.equal(made.frame, 3);
    assert.equal(slider.value, "3");
    assert.equal(made.isPlaying, false);
    made.stop();
  }
});
