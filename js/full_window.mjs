/**
 * What both widgets are built into: a root with our style, and the same content in a full-window dialog when asked for.
 */

import { element } from "./dom.mjs";
import { STYLE } from "./style.mjs";

export class FullWindow {
  /**
   * `body`: the content. `onToggle()` is called after it has moved. The dialog stays inside the root: nothing goes to
   * the page.
   */
  constructor(body, label, onToggle) {
    this.body = body;
    this.onToggle = onToggle;
    this.away = element("div", { class: "dav-away", text: "Open in the full window", hidden: true });
    this.home = element("div", { class: "dav-home" }, this.away, body);
    this.dialog = element("dialog", { class: "dav-dialog", "aria-label": label, onclose: () => this.#closed() });
    this.root = element(
      "div",
      { class: "dav-root widget-expands", "data-capture-wheel": "true" },
      element("style", { text: STYLE }),
      this.home,
      this.dialog,
    );
    this.root.addEventListener("keydown", (event) => event.key === "Escape" && this.isOpen && event.stopPropagation());
  }

  get isOpen() {
    return this.dialog.open;
  }

  toggle() {
    if (this.isOpen) return this.dialog.close();
    this.dialog.append(this.body);
    this.away.hidden = false;
    this.dialog.showModal();
    this.onToggle();
  }

  #closed() {
    this.home.append(this.body);
    this.away.hidden = true;
    this.onToggle();
  }

  dispose() {
    if (this.isOpen) this.dialog.close();
  }
}
