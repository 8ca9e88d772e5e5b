/**
 * The compare player: a clip and its edit, one over the other, with a line between them that is dragged. It plays and
 * has no value of its own.
 */

import { actionsOn, playerSlider, stageParts, toolbar, windowOf } from "./editor_parts.mjs";
import { button, element } from "./dom.mjs";
import { drawWipe } from "./drawing_wipe.mjs";
import { Editor } from "./editor.mjs";
import { Playback } from "./playback.mjs";
import { actOnKey, PLAYER_KEYS } from "./shared_keys.mjs";

const LABEL = "The clip and its edit. Left and right move the line, comma and full stop change the frame, P plays.";
const EXPAND = ["expand", "Full window (F)"];
const ASK_TO_RUN = "Press Run: then the clip and its edit play here.";
const STEP = 0.02; // of the picture's width, by an arrow key
const SLOWEST_FPS = 1;
const FASTEST_FPS = 30;

export class ComparePlayer extends Editor {
  constructor(hooks) {
    super(hooks, null);
    this.saved = { original: [], edited: [] }; // the frames as the node saved them
    this.size = [512, 512];
    this.fps = 8;
    this.frame = 0;
    this.wipe = 0.5; // share of the picture's width: the original to the left of it
    this.edited = null; // the picture of the edit
    this.playback = new Playback(
      () => this.goTo((this.frame + 1) % this.count),
      () => this.#showPlaying(),
    );
    Object.assign(this, this.#parts());
    this.show();
  }

  #parts() {
    const { stage, note, status } = stageParts(LABEL, this);
    const action = actionsOn(stage);
    const buttons = {
      back: action("back", "Previous frame (,)", () => this.goTo(this.frame - 1)),
      play: action("play", "Play (P)", () => this.play()),
      next: action("next", "Next frame (.)", () => this.goTo(this.frame + 1)),
      fit: action("fit", "Whole picture (0)", () => this.fit()),
      expand: button(...EXPAND, () => this.expand()),
    };
    const shells = (...names) => names.map((name) => buttons[name].shell);
    const bar = toolbar("Player", [shells("back", "play", "next"), shells("fit")], [buttons.expand.shell]);
    const { frameRow, ...frames } = playerSlider(this);
    const main = element("div", { class: "dav-main" }, stage.element);
    const window = windowOf(this, "Compare", bar, main, [frameRow], status);
    return { stage, note, status, buttons, window, expandLook: EXPAND, ...frames };
  }

  read() {
    return { present: null, problem: null };
  }

  /** There is nothing that could be undone. */
  undo() {}

  redo() {}

  // ---------------------------------------------------------------------------------------------------- what it shows

  get count() {
    return this.saved.original.length;
  }

  /** The node ran: the frames of both. */
  executed(output) {
    const [original, edited] = [output?.drag_a_video_original, output?.drag_a_video_edited];
    if (!original?.length || original.length !== edited?.length) return;
    this.saved = { original, edited };
    this.fps = output.drag_a_video_fps?.[0] ?? this.fps;
    this.size = output.drag_a_video_size?.[0] ?? this.size;
    this.goTo(this.frame);
  }

  /** Shows both pictures of a frame at the same moment. */
  async goTo(frame) {
    this.frame = Math.min(Math.max(0, frame), Math.max(0, this.count - 1));
    this.show();
    const [original, edited] = [this.saved.original[this.frame], this.saved.edited[this.frame]];
    if (!original) return;
    let found = [{ picture: null }, { picture: null }];
    try {
      found = await Promise.all([original, edited].map((saved) => this.pictures.ofRun(saved)));
    } catch {
      this.play(false); // the server has forgotten its temporary files
    }
    if (original !== this.saved.original[this.frame]) return; // another frame was asked for in the meantime
    [this.picture, this.edited] = found.map(({ picture }) => picture);
    this.show();
  }

  get isPlaying() {
    return this.playback.isPlaying;
  }

  play(isWanted = !this.isPlaying) {
    const fps = Math.min(Math.max(this.fps, SLOWEST_FPS), FASTEST_FPS);
    this.playback.play(isWanted && this.count > 1, 1000 / fps);
  }

  #showPlaying() {
    this.buttons.play.setIcon(this.isPlaying ? "pause" : "play", this.isPlaying ? "Pause (P)" : "Play (P)");
    this.show();
  }

  show() {
    const last = Math.max(0, this.count - 1);
    this.stage.setPicture(this.picture, this.size);
    const { play, back, next, fit } = this.buttons;
    play.input.disabled = back.input.disabled = next.input.disabled = last === 0;
    fit.input.disabled = this.stage.isFitted;
    this.slider.max = String(last);
    this.slider.value = String(this.frame);
    this.slider.disabled = last === 0;
    this.frameLabel.textContent = this.count > 0 ? `frame ${this.frame + 1} of ${this.count}` : "";
    this.note.textContent = this.#note();
    this.status.say(this.count > 0 ? "Drag the line between the clip and its edit." : "", false);
    this.status.where.textContent = this.count > 0 ? `${this.size.join(" × ")}  ·  ${this.zoomText}` : "";
    this.stage.redraw();
  }

  #note() {
    if (this.count === 0) return ASK_TO_RUN;
    return this.picture ? "" : "The server has forgotten the frames: press Run to see them again.";
  }

  // ------------------------------------------------------------------------------------------------- the stage's owner

  /** Wherever the press is, the line comes there and follows. */
  press(at) {
    const move = (to) => this.setWipe((this.stage.toPicture(to)[0] + 0.5) / this.size[0]);
    move(at);
    return { move, end: () => {}, cancel: () => {} };
  }

  setWipe(share) {
    this.wipe = Math.min(Math.max(share, 0), 1);
    this.show();
  }

  keydown(event) {
    return !event.altKey && !event.ctrlKey && !event.metaKey && actOnKey(KEYS, this, event);
  }

  hover() {
    if (!this.stage.isSpaceHeld) this.stage.canvas.style.cursor = "ew-resize";
  }

  paint(context, stage) {
    if (this.picture) drawWipe(context, stage, this.edited, this.wipe);
  }

  stop() {
    this.play(false);
    super.stop();
  }
}

const KEYS = {
  ...PLAYER_KEYS,
  ArrowLeft: (player) => player.setWipe(player.wipe - STEP),
  ArrowRight: (player) => player.setWipe(player.wipe + STEP),
};
