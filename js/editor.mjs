/**
 * What the point picker and the propagation review share: the widget's text with its history, the draft of a gesture,
 * zoom, and the full window. A subclass says how its text is read and written, and shows the state:
 *
 *   read(text)       `{ present, problem }`: what the text stands for, or an empty value and why it could not be read
 *   write(present)   the text of a value
 *   show()           brings everything on the screen in line with the state
 *   replaced()       the value was set from outside (optional)
 */

import { FramePictures } from "./frame_pictures.mjs";
import { History } from "./history.mjs";

/** How near a point the pointer has to be, CSS pixels. */
export const REACH = 11;
const ZOOM_STEP = 1.25;
/** How much larger texts are at most drawn where the graph is zoomed out. */
const MOST_TEXT_SCALE = 1.55;
const SMALL = 1.2;

export class Editor {
  /** `onChange(text)`: the user changed the value. `viewUrl(file)`: where the server hands out a file. */
  constructor({ onChange, viewUrl }, present) {
    this.onChange = onChange;
    this.pictures = new FramePictures(viewUrl);
    this.text = "";
    this.problem = null; // why the text could not be read
    this.info = null; // what was just done, for the status line
    this.history = new History(present);
    this.draft = null; // what a gesture has made of the value so far
    this.picture = null;
  }

  // ------------------------------------------------------------------------------------------------ the widget's value

  get value() {
    return this.text;
  }

  /** Sets the value from outside: a loaded workflow, an undo of the graph. */
  set value(text) {
    const given = typeof text === "string" ? text : "";
    if (given !== this.text) {
      const { present, problem } = this.read(given);
      Object.assign(this, { text: given, problem, draft: null, info: null });
      this.history.reset(present);
      this.replaced();
    }
    this.refresh();
  }

  /** The value as it is shown. */
  get present() {
    return this.draft ?? this.history.present;
  }

  /** Makes `present` the value, as one step that can be undone (merged with the last one of the same `mergeKey`). */
  put(present, mergeKey = null, info = null) {
    this.draft = null;
    if (present === this.history.present) return;
    this.history.push(present, mergeKey);
    this.#publish(info);
  }

  /** Changes the value and all that can be undone or redone alike: the clip has another size. */
  refit(change, info) {
    this.draft = null;
    this.history.map(change);
    this.text = this.write(this.history.present);
    this.info = info;
    this.onChange(this.text);
  }

  undo() {
    this.history.undo();
    this.#publish(null);
  }

  redo() {
    this.history.redo();
    this.#publish(null);
  }

  #publish(info) {
    this.draft = null;
    this.text = this.write(this.history.present);
    this.problem = null;
    this.info = info;
    this.onChange(this.text);
    this.refresh();
  }

  replaced() {}

  refresh() {
    this.show();
  }

  /** What the gestures of a stage share: a draft that becomes the value at the end, or is dropped. */
  drafting({ move, end, loupe }) {
    const dropped = () => {
      this.draft = null;
      this.show();
    };
    return {
      move: (at) => {
        move(at);
        this.show();
      },
      end: () => (this.draft ? end(this.draft) : dropped()),
      cancel: dropped,
      loupe,
    };
  }

  // ----------------------------------------------------------------------------------------------------------- actions

  zoom(steps) {
    this.stage.zoom(ZOOM_STEP ** steps);
    this.show();
  }

  fit() {
    this.stage.fit();
    this.show();
  }

  get root() {
    return this.window.root;
  }

  /** Opens the full window, or closes it. */
  expand() {
    this.window.toggle();
  }

  /** The full window was opened or closed. */
  toggled() {
    this.buttons.expand.setIcon(...(this.window.isOpen ? ["shrink", "Close the full window (Esc)"] : this.expandLook));
    this.stage.measure();
    this.stage.fit();
    this.stage.focus();
    this.show();
  }

  /** The graph is shown at `scale`: texts grow where it is zoomed out, so that they can still be read. */
  scaled(scale) {
    const text = Math.min(Math.max(1 / scale, 1), MOST_TEXT_SCALE);
    this.root.style.setProperty("--dav-scale", text.toFixed(2));
    this.root.classList.toggle("dav-small", text > SMALL);
  }

  /** Shows which of the buttons that both widgets have mean something now. */
  showSharedButtons(hasSelected, hasAny) {
    const { undo, redo, remove, clear, fit } = this.buttons;
    undo.input.disabled = !this.history.canUndo;
    redo.input.disabled = !this.history.canRedo;
    remove.input.disabled = !hasSelected;
    clear.input.disabled = !hasAny && !this.problem;
    fit.input.disabled = this.stage.isFitted;
  }

  /** Asks before something is cleared: `answers` is a list of `[text, act]`. */
  ask(question, answers) {
    this.status.ask(question, answers, () => this.stage.focus());
  }

  get zoomText() {
    return `${Math.round(this.stage.currentView().scale * 100)} %`;
  }

  /** The node is in a graph now; ComfyUI makes nodes as well that never get there. */
  start() {
    this.stage.start();
  }

  /** The node was taken out of its graph; it may come back. */
  stop() {
    this.window.dispose();
    this.stage.stop();
    this.pictures.dispose();
  }
}
