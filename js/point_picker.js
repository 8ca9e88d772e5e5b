/** Drag-A-Video's point picker, on the STRING inputs of widget type DRAGAVIDEO_POINTS. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { describeSource, propagateSettings } from "./frame_source.mjs";
import { addToNode, tellChange } from "./host_widget.mjs";
import { PointPicker } from "./picker.mjs";
import { DEFAULT_SETTINGS } from "./points_meaning.mjs";

const WIDGET_TYPE = "DRAGAVIDEO_POINTS";
const MIN_WIDTH = 440;
const MIN_HEIGHT = 360;

const viewUrl = (file) => api.apiURL(`/view?${new URLSearchParams(file)}`);

function pointsWidget(node, inputName, inputData) {
  const picker = new PointPicker({
    viewUrl,
    readGraph: () => ({
      source: describeSource(node),
      settings: propagateSettings(node, node.graph, DEFAULT_SETTINGS),
    }),
    onChange: () => tellChange(app),
  });
  picker.value = inputData?.[1]?.default ?? "";
  const widget = addToNode(node, inputName, WIDGET_TYPE, picker, { app, api }, MIN_HEIGHT);
  return { widget, minWidth: MIN_WIDTH, minHeight: MIN_HEIGHT };
}

app.registerExtension({
  name: "dragavideo.point_picker",
  getCustomWidgets: () => ({ [WIDGET_TYPE]: pointsWidget }),
});
