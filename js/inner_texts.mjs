/**
 * What the nodes inside a subgraph say, for the subgraph's own node: how long it still takes, warnings, the verdict. The page
 * shows such texts only while the subgraph is open.
 */

export class InnerTexts {
  #said = new Map(); // by the subgraph's execution id: texts by the execution id of the node inside

  /** A run begins: what the last one said is forgotten. */
  start() {
    this.#said.clear();
  }

  /**
   * The node of execution id `id` ("5:12": node 12 in the subgraph node 5), titled `title`, says `text`:
   * `[[id, text], ...]`, what each subgraph node around it has to say now: a line for each node inside, the newest above, since
   * the page shows some lines and scrolls the rest.
   */
  say(id, title, text) {
    const path = id.split(":");
    return path.slice(1).map((_, depth) => {
      const around = path.slice(0, depth + 1).join(":");
      const said = this.#said.get(around) ?? new Map();
      said.delete(id); // it becomes the last
      this.#said.set(around, said.set(id, `${title}: ${text}`));
      return [around, [...said.values()].reverse().join("\n")];
    });
  }
}

/** The node of an execution id in the graph of `root`, or null. */
export function nodeAt(id, root) {
  const [first, ...inside] = id.split(":");
  const node = root?.getNodeById(first) ?? root?.getNodeById(Number(first)) ?? null;
  return inside.length === 0 || !node ? node : nodeAt(inside.join(":"), node.subgraph);
}
