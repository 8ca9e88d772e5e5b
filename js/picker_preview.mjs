/** When the picker shows the frame as the drag will leave it: while an arrow is dragged, and at rest where asked for. */

import { atStrength } from "./keyed_moves.mjs";
import { addPair } from "./points_state.mjs";
import { PreviewCanvas, tinted } from "./preview_canvas.mjs";

const NONE = [];

export class PickerPreview {
  constructor(picker) {
    this.picker = picker;
    this.canvas = new PreviewCanvas();
    this.isWanted = false; // also while nothing is dragged
    this.isOff = false; // for the drag that goes on now
    this.layer = null; // of the last run, on the frame that the points sit on: a picture, white where the thing is
    this.tint = null; // the same as a canvas that is laid over the frame
    this.box = null; // of the last run, on that frame: [x, y, width, height] that a film's edit looked at
    this.ranWith = null; // the strokes that the last run found it by
  }

  /** A drag may begin: it shows the frame after it, by the layer that the last run found. */
  start() {
    this.isOff = false;
    this.look();
  }

  /** An arrow that is being made or changed now, as picks; null where there is none. */
  get dragged() {
    const { draft, history, present, arrowStart, hovered, stage } = this.picker;
    if (draft && draft.pairs !== history.present.pairs) return draft;
    return arrowStart && hovered ? addPair(present, arrowStart, stage.toPicture(hovered)) : null;
  }

  /** Before or after, the other of the two. */
  toggle() {
    if (this.dragged) this.isOff = !this.isOff;
    else this.isWanted = !this.isWanted;
    this.picker.show();
  }

  /** The picture, or how the drag leaves it. */
  shown(picture) {
    const { dragged } = this;
    const { present, pixels, isDrawable } = this.picker;
    if (!picture || !isDrawable || (dragged ? this.isOff : !this.isWanted)) return picture;
    return this.canvas.of(picture, this.#asKnown(atStrength(dragged ?? present)), pixels, this.layer);
  }

  /** What may not change where nobody painted a mask, as a canvas; null where no thing is known. */
  get locked() {
    const { picture, present, history, isDrawable } = this.picker;
    if (!picture || !isDrawable) return null;
    const { strokes } = history.present; // not the one that is being painted: to find the thing takes too long for that
    return this.canvas.locked(picture, this.#asKnown({ ...present, strokes }), this.layer);
  }

  /** The picks without their strokes where the last run found the thing by them: with more care than we do here. */
  #asKnown(picks) {
    return this.layer && picks.strokes === this.ranWith ? { ...picks, strokes: NONE } : picks;
  }

  /** Fetches the layer that the last run found, and the box that it looked at, where they are of this frame. */
  async look() {
    const { present, pictures, readGraph, run } = this.picker;
    const { found: output, source } = readGraph();
    const isOfClip = run?.key === (source?.key ?? null) && run.size.every((side, axis) => side === present.size[axis]);
    const [boxFrame, ...box] = output?.drag_a_video_box?.[0] ?? [];
    this.box = isOfClip && boxFrame === present.frame ? box : null;
    const isOfFrame = output?.drag_a_video_layer_frame?.[0] === present.frame;
    const wanted = (this.wanted = (isOfClip && isOfFrame && output.drag_a_video_layer?.[0]) || null);
    const found = wanted && (await pictures.ofRun(wanted).catch(() => null));
    if (wanted !== this.wanted || this.layer === (found?.picture ?? null)) return;
    this.layer = found?.picture ?? null;
    this.tint = this.layer && tinted(this.layer, present.size);
    this.picker.stage.redraw();
  }
}
