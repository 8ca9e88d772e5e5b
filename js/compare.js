/** Drag-A-Video's compare player, on the STRING inputs of widget type DRAGAVIDEO_COMPARE. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { ComparePlayer } from "./compare.mjs";
import { register } from "./host_widget.mjs";

const MIN_HEIGHT = 320;

register({ app, api }, "dragavideo.compare", "DRAGAVIDEO_COMPARE", MIN_HEIGHT, (_, hooks) => new ComparePlayer(hooks));
