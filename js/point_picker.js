/** Drag-A-Video's point picker, on the STRING inputs of widget type DRAGAVIDEO_POINTS. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { consumer, describeSource, followingIds, propagateSettings } from "./frame_source.mjs";
import { outputOf, register } from "./host_widget.mjs";
import { PointPicker } from "./picker.mjs";
import { DEFAULT_SETTINGS } from "./points_meaning.mjs";

const MIN_HEIGHT = 440;

function pickerFor(node, hooks) {
  const outputOfNext = (type) => outputOf(consumer(node, node.graph, type), app) ?? null;
  const readGraph = () => ({
    source: describeSource(node),
    settings: propagateSettings(node, node.graph, DEFAULT_SETTINGS),
    followed: outputOfNext("DragAVideo_Propagate"),
    found: outputOfNext("DragAVideo_Propagate") ?? outputOfNext("DragAVideo_Film"),
    isFollowable: followingIds(node, app.graph).length > 0,
  });
  const follow = () => app.queuePrompt(0, 1, followingIds(node, app.graph));
  return new PointPicker({ ...hooks, readGraph, follow });
}

register({ app, api }, "dragavideo.point_picker", "DRAGAVIDEO_POINTS", MIN_HEIGHT, pickerFor);
