/** Drag-A-Video's propagation review, on the STRING inputs of widget type DRAGAVIDEO_CORRECTIONS. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { register } from "./host_widget.mjs";
import { PropagationReview } from "./review.mjs";

const MIN_HEIGHT = 340;

register(
  { app, api },
  "dragavideo.propagation_review",
  "DRAGAVIDEO_CORRECTIONS",
  MIN_HEIGHT,
  (_, hooks) => new PropagationReview(hooks),
);
