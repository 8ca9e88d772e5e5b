/**
 * The point picker: toolbar, stage, frame slider, list of pairs, full-window editor. It draws and routes events; what
 * the points are and how they change is in points_state.mjs, what they mean in points_meaning.mjs.
 */

import { Editor, REACH } from "./editor.mjs";
import { pickerGesture } from "./picker_gestures.mjs";
import { pickerKey } from "./picker_keys.mjs";
import { paintPicker } from "./picker_paint.mjs";
import { pickerParts } from "./picker_parts.mjs";
import { pictureKey, pictureOf } from "./picker_pictures.mjs";
import { PickerPreview } from "./picker_preview.mjs";
import { noteFor, statusOf } from "./picker_texts.mjs";
import { Brushes } from "./picker_tools.mjs";
import { inPixels, suggestedMask, warnings } from "./points_meaning.mjs";
import * as points from "./points_state.mjs";
import { keyedFrames } from "./keyed_moves.mjs";
import { removeKey, targetUnder } from "./other_frames.mjs";
import { hitTest } from "./points_view.mjs";

export class PointPicker extends Editor {
  /**
   * `readGraph()`: `{ source, settings, followed, found, isFollowable }` of the node now: see frame_source.mjs; `followed` is
   * what Propagate Points put out when it last ran, or null, `found` the same of the node that found the thing, which may be
   * Drag a Film. `follow()` runs the graph up to Displace. The others: Editor.
   */
  constructor({ readGraph, follow, ...hooks }) {
    super(hooks, points.emptyPicks());
    this.follow = follow;
    this.readGraph = readGraph;
    this.selection = null;
    this.tool = "arrow";
    this.brushes = new Brushes();
    this.arrowStart = null; // the handle of an arrow whose target is still to be clicked
    this.hovered = null; // stage point
    this.after = new PickerPreview(this);
    this.isLoading = false; // the picture
    this.run = null; // { frames, first, count, size, key } of the last run: its frames from `first` on, of `count`
    this.frame = 0; // that is looked at, from 0; the points sit on `present.frame`
    this.drawnFrame = 0; // where the points sat when that was last looked up
    this.frames = 1;
    this.pixels = inPixels(this.readGraph().settings, this.present.size);
    Object.assign(this, pickerParts(this));
    this.setTool("arrow");
    this.showSide();
    this.refresh();
  }

  read(text) {
    const { picks, problem } = points.parsePicks(text, this.history.present.size);
    return { present: picks, problem };
  }

  write(picks) {
    return points.serialisePicks(picks);
  }

  replaced() {
    this.selection = this.arrowStart = null;
  }

  /** Makes `picks` the value, as one step that can be undone (merged with the last one of the same `mergeKey`). */
  edit(picks, { selection = this.selection, mergeKey = null, info = null } = {}) {
    this.arrowStart = null;
    this.put(picks, mergeKey, info);
    this.select(selection);
  }

  // ---------------------------------------------------------------------------------------------------- what it shows

  select(selection) {
    this.selection = points.exists(this.present, selection) ? selection : null;
    this.show();
  }

  setTool(tool) {
    this.tool = tool;
    this.after.look();
    this.arrowStart = null;
    this.tools.set(tool);
    this.show();
  }

  /** Half the width of the brush in hand, px of the picture. */
  get brushRadius() {
    return this.brushes.radius(this.tool, this.present.size);
  }

  widenBrush(steps) {
    this.brushes.widen(this.tool, steps);
    this.show();
  }

  setBrush(width) {
    this.brushes.set(this.tool, width);
    this.show();
  }

  /** A click was the handle of an arrow: the next one is its target. */
  startArrow(handle) {
    this.arrowStart = handle;
    this.show();
  }

  /** Forgets the handle that was clicked; returns whether there was one. */
  dropArrow() {
    const had = this.arrowStart !== null;
    this.startArrow(null);
    return had;
  }

  /** May points be drawn on the frame that is looked at? */
  get isDrawable() {
    return this.frame === this.present.frame;
  }

  /** Looks at another frame; the points stay where they are. */
  look(frame) {
    this.frame = Math.min(Math.max(0, frame), Math.max(this.frames - 1, this.present.frame));
    this.arrowStart = null;
    if (!this.isDrawable) this.selection = null;
    this.refresh();
  }

  /** The points sit on the frame that is looked at from now on. */
  drawHere() {
    if (!this.isDrawable) this.edit(points.setFrame(this.present, this.frame));
  }

  /** The node ran: its frames, their size, and points that came in by wire. */
  executed(output) {
    const frames = output?.drag_a_video_frames;
    const size = output?.drag_a_video_size?.[0];
    const count = output?.drag_a_video_count?.[0];
    const first = output?.drag_a_video_first?.[0] ?? 0;
    const key = this.readGraph().source?.key ?? null;
    if (frames?.length && size) this.run = { frames, first, count: count ?? frames.length, size, key };
    if (count) this.info = `The film has ${count} frames. This run shows ${first + 1} to ${first + frames.length}.`;
    this.after.ranWith = this.present.strokes;
    const seed = output?.drag_a_video_seed?.[0];
    if (seed && this.history.present.seed !== seed.key) {
      const { picks, problem } = points.parsePicks(JSON.stringify({ ...seed.picks, seed: seed.key }));
      const info = "Points from the wire: change them freely.";
      if (!problem) this.edit(picks, { selection: null, info });
    }
    this.refresh();
  }

  /** Looks at the graph again: the wired source and the settings that give the points their meaning. */
  refresh() {
    const { source, settings, followed, isFollowable } = this.readGraph();
    this.isFollowable = Boolean(isFollowable);
    this.tracks = followed?.drag_a_video_tracks?.[0] ?? null;
    const run = this.run?.key === (source?.key ?? null) ? this.run : null; // else its frames are of another clip
    if (run) this.#fits(run.size);
    else if (source?.size) this.#fits(source.size);
    this.pixels = inPixels(settings, this.present.size);
    if (run) this.loadedFrames = run.count;
    this.frames = run ? run.count : (source?.frames ?? 1);
    if (this.drawnFrame !== this.history.present.frame) this.frame = this.drawnFrame = this.history.present.frame;
    this.#loadPicture(run, source);
    this.after.look();
    this.show();
  }

  /** The clip turned out to have another size than the points: they keep their places in the frame. */
  #fits(size) {
    const { present } = this.history;
    if (size[0] === present.size[0] && size[1] === present.size[1]) return;
    if (points.isBlank(present) && !this.text) this.history.reset(points.rescale(present, size));
    else if (!this.problem) {
      const [from, to] = [present.size, size].map(([width, height]) => `${width} × ${height}`);
      const said = `The frame's size has changed: points rescaled from ${from} to ${to}.`;
      this.refit((picks) => points.rescale(picks, size), points.isBlank(present) ? null : said);
    }
  }

  async #loadPicture(run, source) {
    const wanted = pictureKey(run, source, this.frame);
    if (wanted === this.wanted) {
      if (this.pictureSize && !run) this.#fits(this.pictureSize); // what was drawn meanwhile began at another size
      return;
    }
    this.wanted = wanted;
    this.pictureSize = null; // of the picture that is wanted, once it is there
    const request = (this.request = {});
    this.missing = null;
    this.isLoading = Boolean(run || source?.file);
    const found = await pictureOf(this.pictures, run, source, this.frame);
    if (request !== this.request) return; // another one was asked for in the meantime
    this.isLoading = false;
    if (found.picture && !run) this.#fits(found.size);
    this.picture = found.picture ?? null;
    this.pictureSize = found.size ?? null;
    this.loadedFrames = found.frames ?? null;
    this.missing = found.missing ?? null;
    this.pixels = inPixels(this.readGraph().settings, this.present.size);
    this.show();
  }

  /** Brings everything on the screen in line with the state. */
  show() {
    const picks = this.present;
    if (this.loadedFrames) this.frames = this.loadedFrames;
    this.stage.setPicture(this.picture, picks.size);
    this.warned = this.problem ? [] : warnings(picks, this.pixels);
    const chosen = this.selection && this.selection.kind !== "mask" ? this.selection.index : null;
    const warnedPairs = new Map(
      this.warned.filter(({ kind }) => kind !== "mask").map(({ index, text }) => [index, text]),
    );
    if (!this.list.element.hidden) this.list.show(picks, chosen, warnedPairs);
    this.#showControls(picks);
    this.#showTexts();
    this.stage.redraw();
  }

  #showControls(picks) {
    const { buttons } = this;
    this.showSharedButtons(this.selection !== null, !points.isBlank(picks));
    buttons.duplicate.input.disabled = !this.selection || !this.isDrawable;
    this.afterToggle.input.checked = this.after.isWanted;
    buttons.suggest.input.disabled = picks.pairs.length === 0 || !this.isDrawable;
    this.brushSize.show(Brushes.has(this.tool) ? this.brushes.widths[this.tool] : null);
    const last = Math.max(this.frames - 1, picks.frame);
    this.frameRow.hidden = last === 0;
    this.slider.max = String(last);
    this.slider.value = String(this.frame);
    this.frameLabel.textContent = `frame ${this.frame + 1} of ${last + 1}`;
    this.frameActs.show(this.isDrawable ? null : picks.frame);
    this.followButton.show(this.isDrawable && this.isFollowable, picks.pairs.length > 0);
    this.strength.show(picks, this.frame, last > 0 && this.window.isOpen);
    this.showMarks([picks.frame, ...keyedFrames(picks).filter((frame) => frame <= last)], last);
  }

  #showTexts() {
    this.status.say(...statusOf(this));
    this.note.textContent = noteFor(this);
    const { size } = this.present;
    const at = this.hovered && this.stage.toPicture(this.hovered);
    const place = at ? `x ${at[0].toFixed(1)}  y ${at[1].toFixed(1)}` : `${size[0]} × ${size[1]}`;
    this.status.where.textContent = `${place}  ·  ${this.zoomText}`;
  }

  // ------------------------------------------------------------------------------------------------- the stage's owner

  /** What lies under a stage point for the tool in hand: brushes paint over everything. */
  under(at) {
    if (!this.isDrawable) return targetUnder(this, at);
    if (Brushes.has(this.tool)) return null;
    const seen = { ...this.present, mask_points: [] };
    return hitTest(seen, this.stage.currentView(), at, REACH * this.stage.markerScale, this.selection);
  }

  /** The frame, or how the drag leaves it where that is to be seen. */
  shownPicture(picture) {
    return this.after.shown(picture);
  }

  press(at, event) {
    this.after.start();
    return pickerGesture(this, at, event);
  }

  keydown(event) {
    return pickerKey(this, event);
  }

  hover(at) {
    this.hovered = at;
    const idle = this.isDrawable ? "crosshair" : "default";
    const cursor = this.stage.gesture ? "grabbing" : at && this.under(at) ? "grab" : idle;
    if (!this.stage.isSpaceHeld) this.stage.canvas.style.cursor = cursor;
    this.#showTexts();
    this.stage.redraw();
  }

  paint(context, stage) {
    paintPicker(this, context, stage);
  }

  // ------------------------------------------------------------------------------------------------ the tools' actions

  removeSelected() {
    if (!this.isDrawable) return removeKey(this);
    if (this.selection) this.edit(points.remove(this.present, this.selection), { selection: null });
  }

  duplicateSelected() {
    if (!this.selection) return;
    const { picks, selection } = points.duplicate(this.present, this.selection);
    this.edit(picks, { selection });
  }

  askToClear() {
    const { pairs, mask_points, strokes } = this.present;
    const clear = (what) => () => this.edit(points.clear(this.present, what), { selection: null });
    const parts = [
      ["Points", pairs, { mask: false, strokes: false }],
      ["Mask", mask_points, { pairs: false, strokes: false }],
      ["Strokes", strokes, { pairs: false, mask: false }],
    ].filter(([, list]) => list.length > 0);
    const one = parts.length > 1 ? parts.map(([text, , what]) => [text, clear(what)]) : [];
    this.ask("Clear what?", [["Everything", clear()], ...one]);
  }

  suggestMask() {
    const added = suggestedMask(this.present, this.pixels.radius);
    const info = added.length === 0 ? "The mask covers every arrow already." : null;
    this.edit(added.length > 0 ? points.addMaskPoints(this.present, added) : this.present);
    this.info = info;
    this.show();
  }

  /** Runs the graph up to the displaced clip. */
  followPoints() {
    this.follow();
    this.info = "Following the points: watch the players of Propagate Points and Displace.";
    this.show();
  }

  toggled() {
    this.showSide();
    super.toggled();
  }

  /** The list of pairs lies beside the stage in the full window, else below it where asked for. */
  showSide() {
    const { isOpen } = this.window;
    this.list.element.hidden = !isOpen && !this.listToggle.input.checked;
    this.list.help.hidden = !isOpen;
    this.listToggle.shell.hidden = isOpen;
    this.show();
  }
}
