/**
 * Drag a Film shows pictures while it works, and the film in the end. Nodes 2.0 takes whatever a node with a VIDEO input puts out
 * for a video, as long as the node does not say what it is; the classic page leaves the one beside the other.
 */

import { app } from "../../scripts/app.js";

/** What the classic page shows pictures and films in. */
const PICTURES = ["$$canvas-image-preview", "$$comfy_animation_preview"];
const FILMS = ["video-preview"];

function takeAway(node, names) {
  for (const widget of node.widgets?.filter(({ name }) => names.includes(name)) ?? []) {
    widget.onRemove?.();
    node.widgets.splice(node.widgets.indexOf(widget), 1);
  }
}

function makeRoomForFilm(node) {
  node.previewMediaType = "video";
  node.imgs = undefined;
  takeAway(node, PICTURES);
}

/** The page loads pictures beside all else: one that comes after the film is not shown. */
function refuseLatePictures(node) {
  let { imgs } = node;
  const set = (loaded) => (imgs = node.previewMediaType === "video" ? undefined : loaded);
  Object.defineProperty(node, "imgs", { get: () => imgs, set, configurable: true, enumerable: true });
}

function makeRoomForPicture(node) {
  node.previewMediaType = "image";
  node.videoContainer = undefined; // else the page shows the next film in the one that is taken away
  takeAway(node, FILMS);
}

app.registerExtension({
  name: "dragavideo.film_picture",
  nodeCreated(node) {
    if (node.comfyClass !== "DragAVideo_Film") return;
    refuseLatePictures(node);
    const { onExecuted } = node;
    node.onExecuted = function (output) {
      if (output?.animated) makeRoomForFilm(this);
      else makeRoomForPicture(this);
      return onExecuted?.call(this, output);
    };
  },
});
