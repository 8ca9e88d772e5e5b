/**
 * One colour for each of our socket types: on the slots and on the wires. The page knows colours only for core's types; a
 * slot without one can hardly be seen in Nodes 2.0.
 */

import { app } from "../../scripts/app.js";

/** Unlike those of core's types that they stand beside. */
const COLOURS = {
  DRAGVIDEO_PICKS: "#e6a817",
  DRAGVIDEO_TRACKS: "#4dd0e1",
  DRAGVIDEO_SEGMENTER: "#d4e157",
  DRAGVIDEO_MODEL: "#b388ff",
  DRAGVIDEO_DISPLACEMENT: "#ff8a65",
  DRAGVIDEO_INVERSION: "#f48fb1",
  DRAGVIDEO_EDIT: "#7c8cff",
};

/** The palette's colours stay where it names ours; it forgets ours when it is changed, so they are given for each graph. */
function colour() {
  const { canvas } = app;
  for (const [type, colour] of Object.entries(COLOURS)) {
    canvas.default_connection_color_byType[type] ||= colour;
    canvas.constructor.link_type_colors[type] ||= colour;
    document.documentElement.style.setProperty(`--color-datatype-${type}`, colour); // the palette sets its own further in
  }
  canvas.setDirty(true, true);
}

app.registerExtension({ name: "dragavideo.socket_colours", setup: colour, afterConfigureGraph: colour });
