/** The editable list of the pairs: a row each, with the coordinates of both ends. */

import { button, element } from "./dom.mjs";
import { colourOf, inkOn } from "./drawing.mjs";

const FIELDS = [
  ["handle", 0, "x of handle"],
  ["handle", 1, "y of handle"],
  ["target", 0, "x of target"],
  ["target", 1, "y of target"],
];
const HELP = [
  ["Drag", "draw an arrow; on a point or line: move it"],
  ["Click, click", "an arrow as well"],
  ["Arrow keys", "nudge by 1 px, with Shift by 10 px"],
  ["[ and ]", "select the previous or next point"],
  ["N", "new point of the tool in hand, in the middle"],
  ["Delete", "remove; also Alt + click"],
  ["Ctrl + D", "duplicate"],
  ["Ctrl + Z, Ctrl + Y", "undo, redo"],
  ["Wheel, + - 0", "zoom in, out, whole picture"],
  ["Space + drag", "pan; also the middle button, two fingers"],
  ["A, P, M, T, G, E", "arrow, pin, mask, thing, ground, eraser"],
  ["{ and }", "narrower, wider brush"],
  [", and .", "look at the previous, next frame"],
  ["B", "before, after the drag"],
  ["D", "draw on the frame that is shown"],
  ["F", "full window; Esc leaves it"],
];

export class PairsList {
  /** `select(index)`, `place(index, end, point)`, `duplicate(index)`, `remove(index)`: what the rows ask for. */
  constructor(asks) {
    this.asks = asks;
    this.rows = [];
    this.pairs = element("div", { class: "dav-pairs" });
    this.empty = element("p", { text: "No pair yet: drag on the picture." });
    this.mask = element("p");
    this.help = element("div", { class: "dav-help-box" });
    const terms = HELP.flatMap(([keys, text]) => [element("dt", { text: keys }), element("dd", { text })]);
    this.help.append(element("h4", { text: "Mouse and keys" }), element("dl", { class: "dav-help" }, ...terms));
    this.element = element(
      "div",
      { class: "dav-side" },
      element("h4", { text: "Pairs: handle to target, px" }),
      this.empty,
      this.pairs,
      this.mask,
      this.help,
    );
  }

  /** Shows picks; `chosen` is the index of the selected pair or null; `warned` maps a pair's index to a text. */
  show(picks, chosen, warned) {
    while (this.rows.length > picks.pairs.length) this.rows.pop().element.remove();
    while (this.rows.length < picks.pairs.length) this.#addRow(this.rows.length);
    this.empty.hidden = picks.pairs.length > 0;
    const count = picks.mask_points.length;
    const mask =
      count === 0 ? "No mask: what lies near the arrows may change." : `Mask: ${count} point${count === 1 ? "" : "s"}.`;
    const strokes = picks.strokes.length;
    this.mask.textContent = strokes === 0 ? mask : `${mask} ${strokes} stroke${strokes === 1 ? "" : "s"}.`;
    picks.pairs.forEach((pair, index) => this.#showRow(this.rows[index], pair, index === chosen, warned.get(index)));
  }

  #showRow(row, pair, isChosen, warning) {
    row.element.classList.toggle("dav-chosen", isChosen);
    row.flag.textContent = warning ? "!" : "";
    if (warning) row.flag.title = warning;
    else row.flag.removeAttribute("title");
    row.fields.forEach((field, at) => {
      const [end, axis] = FIELDS[at];
      const text = String(Math.round(pair[end][axis] * 100) / 100);
      if (field.value !== text) field.value = text;
    });
  }

  #addRow(index) {
    const colour = colourOf(index);
    const chip = element("span", {
      class: "dav-chip",
      text: String(index + 1),
      style: `background: ${colour}; color: ${inkOn(colour)}`,
    });
    const fields = FIELDS.map(([end, , label]) =>
      element("input", {
        type: "number",
        step: "any",
        "aria-label": `${label} ${index + 1}`,
        title: label,
        onchange: () => this.#placed(index, end),
        onfocus: () => this.asks.select(index),
      }),
    );
    const flag = element("span", { class: "dav-flag" });
    const copy = button("duplicate", `Duplicate pair ${index + 1}`, () => this.asks.duplicate(index));
    const remove = button("remove", `Remove pair ${index + 1}`, () => this.asks.remove(index));
    const row = element(
      "div",
      { class: "dav-pair", onpointerdown: () => this.asks.select(index) },
      chip,
      fields[0],
      fields[1],
      element("span", { text: "→", "aria-hidden": "true" }),
      fields[2],
      fields[3],
      flag,
      copy.shell,
      remove.shell,
    );
    this.pairs.append(row);
    this.rows.push({ element: row, fields, flag });
  }

  #placed(index, end) {
    const first = end === "handle" ? 0 : 2;
    const point = [0, 1].map((axis) => this.rows[index].fields[first + axis].valueAsNumber);
    this.asks.place(index, end, point.every(Number.isFinite) ? point : null);
  }
}
