/** Undo and redo for values that are never changed in place. */

export class History {
  /** `limit`: how many steps back are kept. */
  constructor(present, limit = 200) {
    this.past = [];
    this.present = present;
    this.future = [];
    this.limit = limit;
    this.mergeKey = null;
  }

  /**
   * Makes `value` the present. Steps in a row with the same `mergeKey` (a slider being dragged, an arrow key held)
   * count as one; without a key each is its own.
   */
  push(value, mergeKey = null) {
    const isSameGesture = mergeKey !== null && mergeKey === this.mergeKey;
    if (!isSameGesture) {
      this.past.push(this.present);
      if (this.past.length > this.limit) this.past.shift();
    }
    this.present = value;
    this.future = [];
    this.mergeKey = mergeKey;
  }

  /** Starts again from `value`: nothing to undo. */
  reset(value) {
    this.past = [];
    this.future = [];
    this.present = value;
    this.mergeKey = null;
  }

  /** Changes the present and all that can be undone or redone alike. */
  map(change) {
    this.past = this.past.map(change);
    this.future = this.future.map(change);
    this.present = change(this.present);
    this.mergeKey = null;
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** Goes one step back and returns the present; at the first step it stays. */
  undo() {
    if (this.canUndo) {
      this.future.push(this.present);
      this.present = this.past.pop();
      this.mergeKey = null;
    }
    return this.present;
  }

  redo() {
    if (this.canRedo) {
      this.past.push(this.present);
      this.present = this.future.pop();
      this.mergeKey = null;
    }
    return this.present;
  }
}
