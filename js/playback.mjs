/** Plays frames: calls `step()` at a steady rate, and says when it starts or stops. No DOM. */

export class Playback {
  /** `step()` shows the next frame; while the promise that it may return is pending, no other is asked for. */
  constructor(step, onToggle) {
    this.step = step;
    this.onToggle = onToggle;
  }

  get isPlaying() {
    return this.timer !== undefined;
  }

  /** Starts or stops; `everyMs`: time from frame to frame. */
  play(isWanted, everyMs) {
    clearInterval(this.timer);
    this.timer = isWanted ? setInterval(() => this.#tick(), everyMs) : undefined;
    this.onToggle();
  }

  async #tick() {
    if (this.isBusy) return;
    this.isBusy = true;
    try {
      await this.step();
    } finally {
      this.isBusy = false;
    }
  }
}
