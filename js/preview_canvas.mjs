/** The live preview as a canvas: reads the picture's pixels once, and draws anew only when something has changed. */

import { element } from "./dom.mjs";
import { LivePreview } from "./live_preview.mjs";
import { Memory } from "./memory.mjs";
import { isPin, rescale } from "./points_state.mjs";
import { layerOfStrokes } from "./stroke_layer.mjs";
import { rescaleStrokes } from "./strokes_state.mjs";

/** Larger frames are shown displaced at a smaller size, so that the picture keeps up with the mouse. */
const MOST_PIXELS = 640 * 640;
const FINE = 512; // px, along the longer side, of what is laid over a small picture
const HALF = 127; // of 255
const RIM = [255, 255, 255, 255];
const TINT = [86, 180, 233];
const TINT_OPACITY = 0.45;
const LOCKED = [0, 0, 0, 128];
const CLEAR = [0, 0, 0, 0];

export class PreviewCanvas {
  constructor() {
    this.preview = new LivePreview();
    this.memory = new Memory();
    this.canvas = element("canvas");
    this.dark = element("canvas"); // what may not change
  }

  /**
   * The picture as the drag leaves it: a canvas, or `picture` itself where nothing moves. `pixels`: see points_meaning.mjs;
   * `layer`: of the last run, a picture that is white where the thing is, or null. Strokes over the thing say more.
   */
  of(picture, picks, pixels, layer) {
    const { pairs, mask_points, strokes } = picks;
    const from = [picture, pairs, mask_points, strokes, layer, ...picks.size, ...Object.values(pixels)];
    return this.memory.of("shown", from, () => this.#drawn(picture, picks, pixels, layer));
  }

  /**
   * What may not change, as a dark canvas with a white rim, where nobody painted a mask and the thing is known; else null.
   * Takes the same as `of`.
   */
  locked(picture, picks, layer) {
    if (picks.mask_points.length > 0 || picks.pairs.every(isPin)) return null;
    const { size, bytes } = this.#sized(picture, picks);
    const matte = this.#matte(bytes, picks, layer, size);
    if (!matte) return null;
    const mask = this.preview.mask(this.#fitted(picks, size), 0, matte);
    return this.memory.of("locked", [mask], () => {
      overlay(this.dark, mask, size, (may) => (may ? CLEAR : LOCKED), 0);
      return this.dark;
    });
  }

  /** The picture's bytes at the size that it is shown displaced at: `{ scale, size, bytes }`. */
  #sized(picture, picks) {
    const scale = Math.min(1, Math.sqrt(MOST_PIXELS / (picks.size[0] * picks.size[1])));
    const size = picks.size.map((side) => Math.max(2, Math.round(side * scale)));
    return { scale, size, bytes: this.memory.of("bytes", [picture, ...size], () => bytesOf(picture, size)) };
  }

  #drawn(picture, picks, pixels, layer) {
    const { scale, size, bytes } = this.#sized(picture, picks);
    const sized = { side: pixels.side, spacing: pixels.spacing * scale, radius: pixels.radius * scale };
    const matte = this.#matte(bytes, picks, layer, size);
    const made = this.preview.render(bytes, this.#fitted(picks, size), sized, matte);
    if (!made) return picture;
    put(this.canvas, made, size);
    return this.canvas;
  }

  /** The picks in a frame of another size; the mask is scaled once, since the preview goes by whether it is the same. */
  #fitted(picks, size) {
    if (size.every((side, axis) => side === picks.size[axis])) return picks;
    const fitted = rescale(picks, size);
    const mask = this.memory.of("mask", [picks.mask_points, ...picks.size, ...size], () => fitted.mask_points);
    return { ...fitted, mask_points: mask };
  }

  /** How much of each pixel the thing covers, in bytes; null where that is not known. */
  #matte(bytes, { strokes, size: clipSize }, layer, size) {
    const ofStrokes = this.memory.of("strokes", [bytes, strokes, ...clipSize, ...size], () =>
      layerOfStrokes(bytes, rescaleStrokes(strokes, clipSize, size), size),
    );
    if (ofStrokes || !layer) return ofStrokes;
    return this.memory.of("layer", [layer, ...size], () => bytesOf(layer, size).filter((_, at) => at % 4 === 0));
  }
}

/** What is white in a picture as a canvas of `size` [W, H]: in the colour of strokes over the thing, with a white rim. */
export function tinted(layer, size) {
  const canvas = element("canvas");
  const covered = bytesOf(layer, size).filter((_, at) => at % 4 === 0);
  overlay(canvas, covered, size, (value) => [...TINT, value * TINT_OPACITY], HALF);
  return canvas;
}

/**
 * Makes a canvas show bytes of `size` [W, H], each as the colour `shadeOf(byte)`. What is above `edge` has a white rim against
 * the rest, save in the first and the last row. Small pictures are shown large: the canvas has more pixels, so that the rim is thin.
 */
function overlay(canvas, given, givenSize, shadeOf, edge) {
  const [values, size] = enlarged(given, givenSize);
  const whole = (rgba) => new Uint32Array(Uint8ClampedArray.from(rgba).buffer)[0];
  const shades = Uint32Array.from({ length: 256 }, (_, value) => whole(shadeOf(value)));
  const pixels = new Uint32Array(values.length);
  for (let at = 0; at < pixels.length; at++) pixels[at] = shades[values[at]];
  drawRim(pixels, values, size[0], edge, whole(RIM));
  put(canvas, new Uint8ClampedArray(pixels.buffer), size);
}

/** Bytes of `size` [W, H] with each pixel as a square of some, so that the picture is about `FINE` pixels wide: `[bytes, size]`. */
function enlarged(values, [width, height]) {
  const times = Math.max(1, Math.round(FINE / Math.max(width, height)));
  if (times === 1) return [values, [width, height]];
  const made = new Uint8Array(times * times * values.length);
  for (let row = 0, at = 0; row < times * height; row++)
    for (let column = 0; column < times * width; column++)
      made[at++] = values[Math.floor(row / times) * width + Math.floor(column / times)];
  return [made, [times * width, times * height]];
}

function drawRim(pixels, values, width, edge, rim) {
  for (let at = width; at < pixels.length - width; at++) {
    if (values[at] <= edge) continue;
    if (values[at - 1] <= edge || values[at + 1] <= edge || values[at - width] <= edge || values[at + width] <= edge)
      pixels[at] = rim;
  }
}

/** Makes a canvas show RGBA bytes of `size` [W, H]. */
function put(canvas, bytes, [width, height]) {
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height }); // it is emptied by that
  canvas.getContext("2d").putImageData(new ImageData(bytes, width, height), 0, 0);
}

/** RGBA bytes of anything that a canvas can draw, at `size` [W, H]. */
function bytesOf(picture, [width, height]) {
  const canvas = element("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}
