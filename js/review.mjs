/**
 * The propagation review: plays the clip with point sets, targets and mask as the last run put them, and lets a handle
 * that went astray be dragged to its place. The corrections are the widget's value; the next run goes on from them.
 */

import * as corrections from "./corrections_state.mjs";
import { element } from "./dom.mjs";
import * as drawing from "./drawing.mjs";
import { FramePictures } from "./frame_pictures.mjs";
import { History } from "./history.mjs";
import { clampPoint } from "./points_state.mjs";
import { hitTest, toStage } from "./points_view.mjs";
import { reviewKey } from "./review_keys.mjs";
import { reviewParts } from "./review_parts.mjs";

const REACH = 11;
const ZOOM_STEP = 1.25;
const PLAY_MS = 125;
const DEFAULT_SIZE = [512, 512];
const ASK_TO_RUN =
  "Queue once: then the clip plays here with its points, and a handle that went astray can be dragged back.";

export class PropagationReview {
  /** `onChange(text)`: the user changed the corrections. `viewUrl(file)`: where the server hands out a file. */
  constructor({ onChange, viewUrl }) {
    this.onChange = onChange;
    this.pictures = new FramePictures(viewUrl);
    this.text = "";
    this.problem = null;
    this.history = new History([]);
    this.draft = null;
    this.tracks = null;
    this.saved = []; // the frames as the node saved them
    this.frame = 0;
    this.selected = null; // index of a pair
    this.picture = null;
    Object.assign(this, reviewParts(this));
    this.show();
  }

  // ------------------------------------------------------------------------------------------------ the widget's value

  get value() {
    return this.text;
  }

  set value(text) {
    const given = typeof text === "string" ? text : "";
    if (given !== this.text) {
      const { moves, problem } = corrections.parseCorrections(given);
      Object.assign(this, { text: given, problem, draft: null });
      this.history.reset(moves);
    }
    this.show();
  }

  get moves() {
    return this.draft ?? this.history.present;
  }

  edit(moves, mergeKey = null) {
    this.draft = null;
    this.history.push(moves, mergeKey);
    this.#publish();
  }

  undo() {
    this.history.undo();
    this.#publish();
  }

  redo() {
    this.history.redo();
    this.#publish();
  }

  #publish() {
    this.text = corrections.serialiseCorrections(this.history.present);
    this.problem = null;
    this.onChange(this.text);
    this.show();
  }

  // ---------------------------------------------------------------------------------------------------- what it shows

  /** The node ran: its frames and its tracks. */
  executed(output) {
    const tracks = output?.drag_a_video_tracks?.[0];
    const frames = output?.drag_a_video_frames;
    if (!tracks || !frames?.length) return;
    this.tracks = tracks;
    this.saved = frames;
    this.goTo(this.frame);
  }

  refresh() {
    this.show();
  }

  /** The pairs of the frame that is shown, corrections counted in: `[{ handle, target }]`. */
  pairs() {
    if (!this.tracks) return [];
    return corrections.pairsOf(this.tracks, this.frame).map(({ handle, target }, index) => {
      const [dx, dy] = corrections.pendingShift(this.tracks, this.moves, this.frame, index);
      return { handle: [handle[0] + dx, handle[1] + dy], target: [target[0] + dx, target[1] + dy] };
    });
  }

  select(index) {
    this.selected = this.tracks && index !== null && index < this.pairs().length ? index : null;
    this.show();
  }

  async goTo(frame) {
    this.frame = Math.min(Math.max(0, frame), Math.max(0, this.saved.length - 1));
    this.show();
    const saved = this.saved[this.frame];
    if (!saved) return;
    try {
      const { picture } = await this.pictures.ofRun(saved);
      if (saved === this.saved[this.frame]) this.picture = picture;
    } catch {
      this.picture = null; // the server has forgotten its temporary files: the points are still shown
    }
    this.show();
  }

  get isPlaying() {
    return this.timer !== undefined;
  }

  play(isWanted = !this.isPlaying) {
    clearInterval(this.timer);
    this.timer = undefined;
    if (isWanted && this.saved.length > 1)
      this.timer = setInterval(() => this.goTo((this.frame + 1) % this.saved.length), PLAY_MS);
    this.buttons.play.setIcon(this.isPlaying ? "pause" : "play", this.isPlaying ? "Pause (P)" : "Play (P)");
    this.show();
  }

  /** May handles be moved on the frame that is shown? */
  get isEditable() {
    return this.tracks !== null && this.frame !== this.tracks.frame;
  }

  show() {
    const last = Math.max(0, this.saved.length - 1);
    this.stage.setPicture(this.picture, this.tracks?.size ?? DEFAULT_SIZE);
    const { buttons } = this;
    buttons.play.input.disabled = buttons.back.input.disabled = buttons.next.input.disabled = last === 0;
    buttons.undo.input.disabled = !this.history.canUndo;
    buttons.redo.input.disabled = !this.history.canRedo;
    buttons.remove.input.disabled = !this.selectedMove();
    buttons.clear.input.disabled = this.moves.length === 0 && !this.problem;
    buttons.fit.input.disabled = this.stage.isFitted;
    this.slider.max = String(last);
    this.slider.value = String(this.frame);
    this.slider.disabled = last === 0;
    this.frameLabel.textContent = `frame ${this.frame} / ${last}`;
    this.#showMarks(last);
    this.#showTexts();
    this.stage.redraw();
  }

  /** Marks over the slider at the frames that have a correction. */
  #showMarks(last) {
    const frames = [...new Set(this.moves.map(({ frame }) => frame))].filter((frame) => frame <= last && last > 0);
    this.marks.replaceChildren(...frames.map((frame) => element("span", { style: `left: ${(100 * frame) / last}%` })));
  }

  #showTexts() {
    const [text, isWarning] = this.#said();
    this.status.say(text, isWarning);
    this.note.textContent = this.tracks
      ? this.picture
        ? ""
        : "The frames are gone from the server: queue again to see them."
      : ASK_TO_RUN;
    const size = this.tracks?.size;
    this.status.where.textContent = size
      ? `${size[0]} × ${size[1]}  ·  ${Math.round(this.stage.currentView().scale * 100)} %`
      : "";
  }

  #said() {
    if (this.problem) return [`${this.problem} Clear them.`, true];
    if (!this.tracks) return [this.moves.length > 0 ? `${count(this.moves)} for the next run.` : "", false];
    const wrong = corrections.misplaced(this.tracks, this.moves);
    if (wrong.length > 0) return [`${count(wrong)} for a pair or frame that cannot be corrected: clear.`, true];
    const waiting = corrections.pending(this.tracks, this.moves);
    if (waiting.length > 0) return [`${count(waiting)} waiting for the next run.`, false];
    if (this.frame === this.tracks.frame) return ["Frame of the points: change them in Pick Points.", false];
    return [
      this.moves.length > 0 ? `${count(this.moves)}, taken in.` : "A handle is off? Drag it to its place.",
      false,
    ];
  }

  // ------------------------------------------------------------------------------------------------- the stage's owner

  under(at) {
    if (!this.isEditable) return null;
    const handlesOnly = this.pairs().map(({ handle }) => ({ handle, target: handle }));
    const chosen = this.selected === null ? null : { kind: "target", index: this.selected };
    return hitTest(
      { pairs: handlesOnly, mask_points: [] },
      this.stage.currentView(),
      at,
      REACH * this.stage.markerScale,
      chosen,
    );
  }

  press(at) {
    const hit = this.under(at);
    this.play(false);
    this.select(hit ? hit.index : null);
    if (!hit) return null;
    const base = this.moves;
    const start = this.pairs()[hit.index].handle;
    const origin = this.stage.toPicture(at);
    const dropped = () => {
      this.draft = null;
      this.show();
    };
    return {
      move: (to) => {
        const [x, y] = this.stage.toPicture(to);
        this.draft = this.#moved(base, hit.index, [start[0] + x - origin[0], start[1] + y - origin[1]]);
        this.show();
      },
      end: () => (this.draft ? this.edit(this.draft) : dropped()),
      cancel: dropped,
      loupe: () => this.pairs()[hit.index].handle,
    };
  }

  keydown(event) {
    return reviewKey(this, event);
  }

  hover(at) {
    if (!this.stage.isSpaceHeld)
      this.stage.canvas.style.cursor = this.stage.gesture ? "grabbing" : at && this.under(at) ? "grab" : "default";
  }

  paint(context, stage) {
    if (!this.tracks) return;
    const { tracks, frame, moves } = this;
    const view = stage.currentView();
    const k = stage.markerScale;
    drawing.drawMask(context, tracks.mask_points[frame], tracks.mask_radius, tracks.size, view, k);
    this.pairs().forEach((pair, index) => {
      const shift = corrections.pendingShift(tracks, moves, frame, index);
      const moved = (set) => set.map(([x, y]) => [x + shift[0], y + shift[1]]);
      const visible = tracks.visible?.[frame]?.[index];
      for (const set of [tracks.handles[frame][index], tracks.targets[frame][index]])
        drawing.drawMembers(context, moved(set), drawing.colourOf(index), view, k, visible);
      if (corrections.moveAt(moves, frame, index)) drawing.drawPin(context, toStage(pair.handle, view), k);
      drawing.drawPair(context, pair, index, index === this.selected ? "handle" : null, view, k);
    });
    if (stage.gesture?.loupe) drawing.drawLoupe(context, stage, stage.gesture.loupe(), k);
  }

  // ----------------------------------------------------------------------------------------------------------- actions

  #moved(moves, pair, point) {
    return corrections.withMove(moves, this.frame, pair, clampPoint(point, this.tracks.size));
  }

  /** Moves the selected handle on the frame that is shown by (dx, dy) pixels. */
  nudge(dx, dy, mergeKey) {
    if (this.selected === null || !this.isEditable) return;
    const [x, y] = this.pairs()[this.selected].handle;
    this.edit(this.#moved(this.moves, this.selected, [x + dx, y + dy]), mergeKey);
  }

  selectedMove() {
    return this.selected === null ? undefined : corrections.moveAt(this.moves, this.frame, this.selected);
  }

  removeSelected() {
    if (this.selectedMove()) this.edit(corrections.withoutMove(this.moves, this.frame, this.selected));
  }

  zoom(steps) {
    this.stage.zoom(ZOOM_STEP ** steps);
    this.show();
  }

  fit() {
    this.stage.fit();
    this.show();
  }

  expand() {
    this.window.toggle();
  }

  get root() {
    return this.window.root;
  }

  askToClear() {
    this.status.ask(
      "Clear all corrections?",
      "Clear",
      () => this.edit([]),
      () => this.stage.focus(),
    );
  }

  /** The full window was opened or closed. */
  toggled() {
    const { isOpen } = this.window;
    this.buttons.expand.setIcon(
      isOpen ? "shrink" : "expand",
      isOpen ? "Close the full window (Esc)" : "Full window (F)",
    );
    this.stage.fit();
    this.stage.focus();
  }

  dispose() {
    this.play(false);
    this.window.dispose();
    this.stage.dispose();
    this.pictures.dispose();
  }
}

const count = (moves) => `${moves.length} correction${moves.length === 1 ? "" : "s"}`;
