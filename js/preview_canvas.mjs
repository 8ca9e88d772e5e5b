/** The live preview as a canvas: reads the picture's pixels once, and draws anew only when something has changed. */

import { element } from "./dom.mjs";
import { LivePreview } from "./live_preview.mjs";
import { rescale } from "./points_state.mjs";

/** Larger frames are shown displaced at a smaller size, so that the picture keeps up with the mouse. */
const MOST_PIXELS = 640 * 640;

export class PreviewCanvas {
  constructor() {
    this.preview = new LivePreview();
    this.canvas = element("canvas");
    this.last = { from: [], shown: null };
    this.read = { picture: null, key: "", bytes: null };
    this.small = { of: null, key: "", points: null };
  }

  /** The picture as the drag leaves it: a canvas, or `picture` itself where nothing moves. `layerAt(size)`: see LivePreview. */
  of(picture, picks, pixels, layerAt) {
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (picks.size[0] * picks.size[1])));
    const size = picks.size.map((side) => Math.max(2, Math.round(side * scale)));
    const layer = layerAt(size);
    const from = [picture, picks.pairs, picks.mask_points, layer, ...size, ...Object.values(pixels)];
    if (from.length === this.last.from.length && from.every((value, at) => value === this.last.from[at]))
      return this.last.shown;
    const sized = Object.fromEntries(Object.entries(pixels).map(([name, value]) => [name, value * scale]));
    const fitted = scale === 1 ? picks : this.#fitted(picks, size);
    const made = this.preview.render(this.#bytesOf(picture, size), fitted, { ...sized, side: pixels.side }, layer);
    if (made) {
      Object.assign(this.canvas, { width: size[0], height: size[1] });
      this.canvas.getContext("2d").putImageData(new ImageData(made, ...size), 0, 0);
    }
    this.last = { from, shown: made ? this.canvas : picture };
    return this.last.shown;
  }

  /** The picks in a frame of another size; the mask is scaled once, since the preview goes by whether it is the same. */
  #fitted(picks, size) {
    const fitted = rescale(picks, size);
    if (this.small.of !== picks.mask_points || this.small.key !== size.join())
      this.small = { of: picks.mask_points, key: size.join(), points: fitted.mask_points };
    return { ...fitted, mask_points: this.small.points };
  }

  /** The picture's RGBA bytes at a size. */
  #bytesOf(picture, size) {
    const key = size.join();
    if (this.read.picture !== picture || this.read.key !== key)
      this.read = { picture, key, bytes: bytesOf(picture, size) };
    return this.read.bytes;
  }
}

/** RGBA bytes of anything that a canvas can draw, at `size` [W, H]. */
export function bytesOf(picture, [width, height]) {
  const canvas = element("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
