/**
 * The point picker: toolbar, stage, frame slider, list of pairs, full-window editor. It draws and routes events; what
 * the points are and how they change is in points_state.mjs, what they mean in points_meaning.mjs.
 */

import * as drawing from "./drawing.mjs";
import { Editor, REACH } from "./editor.mjs";
import { pickerGesture } from "./picker_gestures.mjs";
import { pickerKey } from "./picker_keys.mjs";
import { pickerParts } from "./picker_parts.mjs";
import { inPixels, suggestedMask, warnings } from "./points_meaning.mjs";
import * as points from "./points_state.mjs";
import { hitTest } from "./points_view.mjs";

export class PointPicker extends Editor {
  /** `readGraph()`: `{ source, settings }` of the node now (frame_source.mjs). The others: Editor. */
  constructor({ readGraph, ...hooks }) {
    super(hooks, points.emptyPicks());
    this.readGraph = readGraph;
    this.selection = null;
    this.tool = "arrow";
    this.hovered = null; // stage point
    this.run = null; // { frames, size, key } of the last run
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
    this.selection = null;
  }

  /** Makes `picks` the value, as one step that can be undone (merged with the last one of the same `mergeKey`). */
  edit(picks, { selection = this.selection, mergeKey = null, info = null } = {}) {
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
    this.tools.set(tool);
    this.show();
  }

  /** The node ran: its frames, their size, and points that came in by wire. */
  executed(output) {
    const frames = output?.drag_a_video_frames;
    const size = output?.drag_a_video_size?.[0];
    if (frames?.length && size) this.run = { frames, size, key: this.readGraph().source?.key ?? null };
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
    const { source, settings } = this.readGraph();
    const isRunFresh = this.run !== null && this.run.key === (source?.key ?? null);
    if (isRunFresh) this.#fits(this.run.size);
    else if (source?.size) this.#fits(source.size);
    this.pixels = inPixels(settings, this.present.size);
    this.frames = isRunFresh ? this.run.frames.length : (source?.frames ?? 1);
    this.#loadPicture(isRunFresh, source);
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

  async #loadPicture(isRunFresh, source) {
    const index = this.history.present.frame;
    const wanted = `${isRunFresh ? this.run.frames[index]?.filename : source?.file && source.key} ${index}`;
    if (wanted === this.wanted) return;
    this.wanted = wanted;
    const request = (this.request = {});
    this.missing = null;
    const found = await this.#picture(index, isRunFresh, source);
    if (request !== this.request) return; // another one was asked for in the meantime
    if (found.picture && !isRunFresh) this.#fits(found.size);
    this.frames = found.frames ?? this.frames;
    this.picture = found.picture ?? null;
    this.loadedFrames = found.frames ?? null;
    this.missing = found.missing ?? null;
    this.pixels = inPixels(this.readGraph().settings, this.present.size);
    this.show();
  }

  /** `{ picture, size, frames }` of one frame, `{ missing: why it cannot be shown }`, or `{}` where nothing is wired. */
  async #picture(index, isRunFresh, source) {
    try {
      if (!isRunFresh) return source?.file ? await this.pictures.ofSource(source, index) : {};
      const { frames } = this.run;
      if (!frames[index]) return { missing: `The clip has frames 0 to ${frames.length - 1}: choose one of them.` };
      return { ...(await this.pictures.ofRun(frames[index])), frames: frames.length };
    } catch {
      return { missing: "The browser cannot show this file: queue once to see the frame. You can draw already." };
    }
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
    this.list.show(picks, chosen, warnedPairs);
    this.#showControls(picks);
    this.#showTexts(picks);
    this.stage.redraw();
  }

  #showControls(picks) {
    const { buttons } = this;
    this.showSharedButtons(this.selection !== null, !points.isBlank(picks));
    buttons.duplicate.input.disabled = !this.selection;
    buttons.suggest.input.disabled = picks.pairs.length === 0;
    const last = Math.max(this.frames - 1, picks.frame);
    this.frameRow.hidden = last === 0;
    this.slider.max = String(last);
    this.slider.value = String(picks.frame);
    this.frameLabel.textContent = `frame ${picks.frame} / ${last}`;
  }

  #showTexts(picks) {
    const first = this.warned[0]?.text;
    const more = this.warned.length > 1 ? ` (and ${this.warned.length - 1} more)` : "";
    const warning = this.problem ? `${this.problem} Drawing starts new ones.` : first && first + more;
    this.status.say(this.info ?? warning ?? "", !this.info && Boolean(warning));
    this.note.textContent = this.#noteFor(picks);
    const at = this.hovered && this.stage.toPicture(this.hovered);
    const place = at ? `x ${at[0].toFixed(1)}  y ${at[1].toFixed(1)}` : `${picks.size[0]} × ${picks.size[1]}`;
    this.status.where.textContent = `${place}  ·  ${this.zoomText}`;
  }

  #noteFor(picks) {
    if (this.draft) return "";
    if (!this.picture) {
      return this.missing ?? "No picture yet: wire a loader, or queue once. You can draw already.";
    }
    if (picks.pairs.length > 0) return "";
    return this.tool === "mask"
      ? "Paint over everything that may change."
      : "Drag from the thing that should move to where it should go.";
  }

  // ------------------------------------------------------------------------------------------------- the stage's owner

  /** What lies under a stage point for the tool in hand: the arrow tool sees pairs, the mask tool mask points. */
  under(at) {
    const picks = this.present;
    const seen = this.tool === "mask" ? { ...picks, pairs: [] } : { ...picks, mask_points: [] };
    return hitTest(seen, this.stage.currentView(), at, REACH * this.stage.markerScale, this.selection);
  }

  press(at, event) {
    return pickerGesture(this, at, event);
  }

  keydown(event) {
    return pickerKey(this, event);
  }

  hover(at) {
    this.hovered = at;
    const cursor = this.stage.gesture ? "grabbing" : at && this.under(at) ? "grab" : "crosshair";
    if (!this.stage.isSpaceHeld) this.stage.canvas.style.cursor = cursor;
    this.#showTexts(this.present);
    this.stage.redraw();
  }

  paint(context, stage) {
    const { present: picks, pixels, selection } = this;
    const view = stage.currentView();
    const k = stage.markerScale;
    const isChosen = (kind, index) => selection?.kind === kind && selection.index === index;
    drawing.drawMask(context, picks.mask_points, pixels.radius, picks.size, view, k);
    picks.pairs.forEach(({ handle, target }, index) => {
      for (const end of [handle, target]) drawing.drawSet(context, end, pixels, drawing.colourOf(index), view, k);
    });
    picks.mask_points.forEach((point, index) =>
      drawing.drawMaskPoint(context, point, isChosen("mask", index), this.tool === "mask", view, k),
    );
    picks.pairs.forEach((pair, index) => {
      const chosen = ["handle", "target", "pair"].find((kind) => isChosen(kind, index)) ?? null;
      drawing.drawPair(context, pair, index, chosen, view, k);
    });
    const { gesture } = stage;
    if (this.tool === "mask" && this.hovered && !gesture?.isPan && !this.under(this.hovered))
      drawing.drawBrush(context, stage.toPicture(this.hovered), pixels.radius, view, k);
    for (const warned of this.warned)
      if (points.exists(picks, warned)) drawing.drawBadge(context, points.pointOf(picks, warned), view, k);
    if (gesture?.loupe) drawing.drawLoupe(context, stage, gesture.loupe(), k);
  }

  // ------------------------------------------------------------------------------------------------ the tools' actions

  removeSelected() {
    if (this.selection) this.edit(points.remove(this.present, this.selection), { selection: null });
  }

  duplicateSelected() {
    if (!this.selection) return;
    const { picks, selection } = points.duplicate(this.present, this.selection);
    this.edit(picks, { selection });
  }

  askToClear() {
    this.ask("Clear all points and the mask?", () => this.edit(points.clear(this.present), { selection: null }));
  }

  suggestMask() {
    const added = suggestedMask(this.present, this.pixels.radius);
    const info = added.length === 0 ? "The mask covers every arrow already." : null;
    this.edit(added.length > 0 ? points.addMaskPoints(this.present, added) : this.present);
    this.info = info;
    this.show();
  }

  setFrame(frame, isEnd) {
    const next = points.setFrame(this.present, frame);
    if (next.frame !== this.present.frame) this.edit(next, { mergeKey: "frame" });
    if (isEnd) this.history.mergeKey = null;
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
