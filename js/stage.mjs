/**
 * The stage of both widgets: a canvas that shows a picture, with zoom, pan, pointer gestures and the keyboard focus.
 * What is drawn over the picture and what a gesture does is the owner's business:
 *
 *   shownPicture(picture)        what is shown in the place of the picture (optional)
 *   paint(context, stage)        draws over the picture, in CSS pixels of the stage
 *   press(at, event)             a gesture `{ move(at), end(), cancel() }` for a press at stage point `at`, or null
 *   hover(at)                    the pointer is over stage point `at` (null: it left)
 *   keydown(event)               returns whether the key meant something
 *   scaled(scale)                the graph is shown at another zoom: screen pixels per CSS pixel
 *   show()                       the stage has another size: what is said about it may be wrong now
 *
 * Pointer events go no further than the stage, so that the node is not dragged. Nothing cancels `pointerdown`: that
 * would swallow the mouseup by which ComfyUI learns that the graph has changed.
 */

import { element } from "./dom.mjs";
import { clampView, fitView, panBy, pinch, toPicture, zoomAt } from "./points_view.mjs";

const ZOOM_PER_PIXEL = 0.0015;
/** Nobody tells a widget that the graph was zoomed: it looks for itself this often. */
const ZOOM_CHECK_MS = 400;
const MARGIN = 6;

export class Stage {
  constructor(label, owner) {
    this.owner = owner;
    this.size = [512, 512];
    this.picture = null;
    this.shown = null; // what was drawn last in its place
    this.view = null; // null: the whole picture, whatever the stage's size
    this.pointers = new Map();
    this.gesture = null;
    this.isSpaceHeld = false;
    this.canvas = element("canvas");
    this.keys = element("textarea", {
      class: "dav-keys",
      readonly: true,
      "aria-label": label,
      inputmode: "none",
      rows: 1,
    });
    this.element = element("div", { class: "dav-stage" }, this.canvas, this.keys);
    this.measured = null; // its size, once the page has said what it is
    this.observer = new ResizeObserver(() => (this.measure(), owner.show()));
    this.#listen();
  }

  /** Watches its size and the graph's zoom from now on, until `stop`. */
  start() {
    this.observer.observe(this.element);
    this.timer ??= setInterval(() => this.#redrawIfZoomed(), ZOOM_CHECK_MS);
  }

  stop() {
    this.observer.disconnect();
    this.measured = null;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Shows a picture (anything a canvas can draw, or null) as a frame of `size` pixels. */
  setPicture(picture, size) {
    if (size[0] !== this.size[0] || size[1] !== this.size[1]) this.view = null;
    this.picture = picture;
    this.size = size;
    this.redraw();
  }

  /** Width and height, CSS pixels. To ask the page each time would have it lay everything out anew. */
  get extent() {
    return this.measured ?? [this.element.clientWidth, this.element.clientHeight];
  }

  /** Its size may have changed. */
  measure() {
    this.measured = [this.element.clientWidth, this.element.clientHeight];
    this.redraw();
  }

  get isFitted() {
    return this.view === null;
  }

  currentView() {
    return this.view ? clampView(this.view, this.extent, this.size) : fitView(this.extent, this.size, MARGIN);
  }

  /** How large markers are drawn: at a graph zoom of 50 % they must still be read. */
  get markerScale() {
    return Math.min(Math.max(1 / this.#screenScale(), 0.6), 1.7);
  }

  fit() {
    this.view = null;
    this.redraw();
  }

  zoom(factor, at = this.extent.map((side) => side / 2)) {
    this.view = zoomAt(this.currentView(), at, factor, this.extent, this.size);
    this.redraw();
  }

  focus() {
    this.keys.focus({ preventScroll: true });
  }

  get isFocused() {
    return this.keys.ownerDocument.activeElement === this.keys;
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.#draw();
    });
  }

  /** Stage point (CSS pixels) of a pointer event, whatever the zoom of graph and page. */
  pointOf(event) {
    const rect = this.canvas.getBoundingClientRect();
    const [width, height] = this.extent;
    return [((event.clientX - rect.left) * width) / rect.width, ((event.clientY - rect.top) * height) / rect.height];
  }

  toPicture(at) {
    return toPicture(at, this.currentView());
  }

  cancelGesture() {
    const gesture = this.gesture;
    this.gesture = null;
    gesture?.cancel();
    this.redraw();
    return gesture !== null;
  }

  /** Screen pixels per CSS pixel of the stage: the zoom of the graph. */
  #screenScale() {
    return this.canvas.getBoundingClientRect().width / Math.max(1, this.extent[0]) || 1;
  }

  #redrawIfZoomed() {
    if (this.element.isConnected && this.drawnScale !== this.#screenScale()) this.redraw();
  }

  #draw() {
    const [width, height] = this.extent;
    if (width === 0 || height === 0) return;
    const screenScale = this.#screenScale();
    if (screenScale !== this.drawnScale) this.owner.scaled(screenScale);
    this.drawnScale = screenScale;
    const density = (globalThis.devicePixelRatio || 1) * Math.min(Math.max(this.drawnScale, 0.5), 3);
    const [columns, rows] = [Math.round(width * density), Math.round(height * density)];
    if (this.canvas.width !== columns || this.canvas.height !== rows)
      Object.assign(this.canvas, { width: columns, height: rows });
    const context = this.canvas.getContext("2d");
    context.setTransform(columns / width, 0, 0, rows / height, 0, 0);
    context.clearRect(0, 0, width, height);
    this.shown = this.owner.shownPicture?.(this.picture) ?? this.picture;
    this.drawPicture(context, this.currentView());
    this.owner.paint(context, this);
  }

  /** The picture, or an empty frame in its place, in a view. */
  drawPicture(context, view) {
    const [width, height] = this.size.map((side) => side * view.scale);
    if (this.shown) {
      context.imageSmoothingEnabled = view.scale < 3;
      context.drawImage(this.shown, view.x, view.y, width, height);
      return;
    }
    context.fillStyle = "#6e6e6e";
    context.fillRect(view.x, view.y, width, height);
    context.strokeStyle = "rgba(255, 255, 255, 0.14)";
    context.lineWidth = 1;
    context.beginPath();
    for (let part = 1; part < 8; part++) {
      context.moveTo(view.x + (width * part) / 8, view.y);
      context.lineTo(view.x + (width * part) / 8, view.y + height);
      context.moveTo(view.x, view.y + (height * part) / 8);
      context.lineTo(view.x + width, view.y + (height * part) / 8);
    }
    context.stroke();
  }

  #listen() {
    const on = (type, handler, options) => this.element.addEventListener(type, handler, options);
    on("pointerdown", (event) => this.#down(event));
    on("pointermove", (event) => this.#move(event));
    on("pointerup", (event) => this.#up(event));
    on("pointercancel", (event) => this.#lost(event));
    on("lostpointercapture", (event) => this.#lost(event));
    on("pointerleave", () => this.owner.hover(null));
    on("mousedown", (event) => event.preventDefault()); // keeps the focus where `pointerdown` put it
    on("contextmenu", (event) => {
      event.preventDefault();
      event.stopPropagation();
    });
    on("dblclick", (event) => event.stopPropagation());
    on("wheel", (event) => this.#wheel(event), { passive: false });
    this.keys.addEventListener("keydown", (event) => this.#keydown(event));
    this.keys.addEventListener("keyup", (event) => event.key === " " && this.#holdSpace(false));
    this.keys.addEventListener("blur", () => this.#holdSpace(false));
  }

  #down(event) {
    event.stopPropagation();
    this.focus();
    const at = this.pointOf(event);
    this.pointers.set(event.pointerId, at);
    this.element.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) {
      this.cancelGesture();
      this.gesture = this.#pinching();
    } else if (this.pointers.size === 1) {
      const isPan = event.button === 1 || (event.button === 0 && this.isSpaceHeld);
      if (isPan) this.gesture = this.#panning(at);
      else if (event.button === 0) this.gesture = this.owner.press(at, event);
    }
    this.redraw();
  }

  #move(event) {
    event.stopPropagation();
    const at = this.pointOf(event);
    if (this.pointers.has(event.pointerId)) this.pointers.set(event.pointerId, at);
    if (this.gesture) this.gesture.move(at);
    this.owner.hover(at);
    this.redraw();
  }

  #up(event) {
    event.stopPropagation();
    this.pointers.delete(event.pointerId);
    const gesture = this.gesture;
    this.gesture = null;
    gesture?.end();
    this.redraw();
  }

  /** The pointer was taken away in mid-gesture: whatever it did is undone. */
  #lost(event) {
    event.stopPropagation();
    if (!this.pointers.delete(event.pointerId)) return;
    this.cancelGesture();
  }

  #panning(start) {
    let last = start;
    return {
      isPan: true,
      move: (at) => {
        this.view = panBy(this.currentView(), at[0] - last[0], at[1] - last[1], this.extent, this.size);
        last = at;
      },
      end: () => {},
      cancel: () => {},
    };
  }

  #pinching() {
    let before = [...this.pointers.values()];
    return {
      isPan: true,
      move: () => {
        const after = [...this.pointers.values()];
        if (after.length !== 2) return;
        this.view = pinch(this.currentView(), before, after, this.extent, this.size);
        before = after;
      },
      end: () => {},
      cancel: () => {},
    };
  }

  /** The wheel zooms the picture once the stage has the focus, and always in the full-window editor; else the graph. */
  #wheel(event) {
    if (!this.isFocused && !this.element.closest("dialog[open]")) return;
    event.preventDefault();
    event.stopPropagation();
    const pixels = event.deltaMode === 1 ? event.deltaY * 16 : event.deltaY;
    this.zoom(Math.exp(-pixels * ZOOM_PER_PIXEL), this.pointOf(event));
  }

  #keydown(event) {
    if (event.key === " ") {
      event.preventDefault();
      this.#holdSpace(true);
    } else if (event.key === "Escape" && this.cancelGesture()) event.preventDefault();
    else if (this.owner.keydown(event)) event.preventDefault();
  }

  #holdSpace(isHeld) {
    this.isSpaceHeld = isHeld;
    this.canvas.style.cursor = isHeld ? "grab" : "";
  }
}
