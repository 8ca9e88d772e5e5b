/** Drag-A-Video's propagation review, on the STRING inputs of widget type DRAGAVIDEO_CORRECTIONS. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { addToNode, tellChange } from "./host_widget.mjs";
import { PropagationReview } from "./review.mjs";

const WIDGET_TYPE = "DRAGAVIDEO_CORRECTIONS";
const MIN_WIDTH = 440;
const MIN_HEIGHT = 340;

const viewUrl = (file) => api.apiURL(`/view?${new URLSearchParams(file)}`);

function correctionsWidget(node, inputName, inputData) {
  const review = new PropagationReview({ viewUrl, onChange: () => tellChange(app) });
  review.value = inputData?.[1]?.default ?? "";
  const widget = addToNode(node, inputName, WIDGET_TYPE, review, { app, api }, MIN_HEIGHT);
  return { widget, minWidth: MIN_WIDTH, minHeight: MIN_HEIGHT };
}

app.registerExtension({
  name: "dragavideo.propagation_review",
  getCustomWidgets: () => ({ [WIDGET_TYPE]: correctionsWidget }),
});
