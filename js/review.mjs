/**
 * The propagation review: plays the clip with point sets, targets and mask as the last run put them, and lets a handle
 * that went astray be dragged to its place. The corrections are the widget's value; the next run goes on from them.
 */

import * as corrections from "./corrections_state.mjs";
import * as drawing from "./drawing.mjs";
import { Editor, REACH } from "./editor.mjs";
import { clampPoint } from "./geometry.mjs";
import { Playback } from "./playback.mjs";
import { hitTest, toStage } from "./points_view.mjs";
import { reviewKey } from "./review_keys.mjs";
import { reviewParts } from "./review_parts.mjs";

const PLAY_MS = 125;
const DEFAULT_SIZE = [512, 512];
const ASK_TO_RUN =
  "Press Run once: then the clip plays here with its points, and a handle that went astray can be dragged back.";

export class PropagationReview extends Editor {
  constructor(hooks) {
    super(hooks, corrections.NONE);
    this.tracks = null;
    this.saved = []; // the frames as the node saved them
    this.frame = 0;
    this.selected = null; // index of a pair
    this.playback = new Playback(
      () => this.goTo((this.frame + 1) % this.saved.length),
      () => this.#showPlaying(),
    );
    Object.assign(this, reviewParts(this));
    this.show();
  }

  read(text) {
    const { corrections: present, problem } = corrections.parseCorrections(text);
    return { present: this.tracks ? corrections.rescaleCorrections(present, this.tracks.size) : present, problem };
  }

  write(present) {
    return corrections.serialiseCorrections(present);
  }

  get moves() {
    return this.present.moves;
  }

  // ---------------------------------------------------------------------------------------------------- what it shows

  /** The node ran: its frames and its tracks. */
  executed(output) {
    const tracks = output?.drag_a_video_tracks?.[0];
    const frames = output?.drag_a_video_frames;
    if (!tracks || !frames?.length) return;
    this.tracks = tracks;
    this.saved = frames;
    this.#fits(tracks.size);
    this.goTo(this.frame);
  }

  /** The clip turned out to have another size than the corrections: they keep their places in the frame. */
  #fits(size) {
    const { size: from } = this.history.present;
    if (from && from.every((side, axis) => side === size[axis])) return;
    const change = (one) => corrections.rescaleCorrections(one, size);
    if (!from || !this.text || this.problem) return this.history.map(change);
    const [before, now] = [from, size].map((sides) => sides.join(" × "));
    this.refit(change, `The clip's size has changed: corrections rescaled from ${before} to ${now}.`);
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
    return this.playback.isPlaying;
  }

  play(isWanted = !this.isPlaying) {
    this.playback.play(isWanted && this.saved.length > 1, PLAY_MS);
  }

  #showPlaying() {
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
    const { play, back, next } = this.buttons;
    play.input.disabled = back.input.disabled = next.input.disabled = last === 0;
    this.showSharedButtons(this.selectedMove() !== undefined, this.moves.length > 0);
    this.slider.max = String(last);
    this.slider.value = String(this.frame);
    this.slider.disabled = last === 0;
    this.frameLabel.textContent = `frame ${this.frame + 1} of ${last + 1}`;
    const corrected = [...new Set(this.moves.map(({ frame }) => frame))];
    this.showMarks(last > 0 ? corrected.filter((frame) => frame <= last) : [], last);
    this.#showTexts();
    this.stage.redraw();
  }

  #showTexts() {
    const [text, isWarning] = this.#said();
    this.status.say(text, isWarning);
    this.note.textContent = this.tracks
      ? this.picture
        ? ""
        : "The server has forgotten the frames: press Run to see them again."
      : ASK_TO_RUN;
    const size = this.tracks?.size;
    this.status.where.textContent = size ? `${size[0]} × ${size[1]}  ·  ${this.zoomText}` : "";
  }

  #said() {
    if (this.problem) return [`${this.problem} Clear them.`, true];
    if (this.info) return [this.info, false];
    if (!this.tracks) return [this.moves.length > 0 ? `${count(this.moves)} for the next run.` : "", false];
    const wrong = corrections.misplaced(this.tracks, this.moves);
    if (wrong.length > 0) return [`${count(wrong)} for a pair or frame that cannot be corrected: clear.`, true];
    const waiting = corrections.pending(this.tracks, this.moves);
    if (waiting.length > 0) return [`${count(waiting)} waiting for the next run.`, false];
    if (this.frame === this.tracks.frame) return ["Change this frame in Pick Points.", false];
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
    const base = this.present;
    const start = this.pairs()[hit.index].handle;
    const origin = this.stage.toPicture(at);
    return this.drafting({
      move: (to) => {
        const [x, y] = this.stage.toPicture(to);
        this.draft = this.#moved(base, hit.index, [start[0] + x - origin[0], start[1] + y - origin[1]]);
      },
      end: (draft) => this.put(draft),
      loupe: () => this.pairs()[hit.index].handle,
    });
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

  #moved(from, pair, point) {
    const { size } = this.tracks;
    return { size, moves: corrections.withMove(from.moves, this.frame, pair, clampPoint(point, size)) };
  }

  /** Moves the selected handle on the frame that is shown by (dx, dy) pixels. */
  nudge(dx, dy, mergeKey) {
    if (this.selected === null || !this.isEditable) return;
    const [x, y] = this.pairs()[this.selected].handle;
    this.put(this.#moved(this.present, this.selected, [x + dx, y + dy]), mergeKey);
  }

  selectedMove() {
    return this.selected === null ? undefined : corrections.moveAt(this.moves, this.frame, this.selected);
  }

  removeSelected() {
    const { present, frame, selected } = this;
    if (!this.selectedMove()) return;
    this.put({ ...present, moves: corrections.withoutMove(present.moves, frame, selected) });
  }

  askToClear() {
    this.ask("Clear all corrections?", [["Clear", () => this.put({ ...this.present, moves: [] })]]);
  }

  stop() {
    this.play(false);
    super.stop();
  }
}

const count = (moves) => `${moves.length} correction${moves.length === 1 ? "" : "s"}`;
