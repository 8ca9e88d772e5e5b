/** Keeps the last thing of each name, and hands it out again while what it was made from is the same. No DOM. */
export class Memory {
  #kept = new Map();

  /** What was made from these very `keys` last time, or else what `make()` makes now. */
  of(name, keys, make) {
    const last = this.#kept.get(name);
    if (last?.keys.length === keys.length && keys.every((key, at) => key === last.keys[at])) return last.value;
    const value = make();
    this.#kept.set(name, { keys, value });
    return value;
  }
}
