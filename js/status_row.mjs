/**
 * The line under the stage: what there is to say on the left, where the pointer is on the right, a question when asked.
 */

import { element, textButton } from "./dom.mjs";

export class StatusRow {
  constructor() {
    this.said = element("span", { class: "dav-said", role: "status", "aria-live": "polite" });
    this.question = element("span", { class: "dav-ask", role: "alertdialog", hidden: true });
    this.where = element("span", { class: "dav-where" });
    this.element = element("div", { class: "dav-status" }, this.said, this.question, this.where);
  }

  say(text, isWarning) {
    if (this.said.textContent !== text) this.said.textContent = this.said.title = text;
    this.said.classList.toggle("dav-warning", isWarning);
  }

  /** Asks before something is lost. `answers`: `[text, act]` each, beside "Keep"; `after` is called with any of them. */
  ask(question, answers, after) {
    const button = ([text, act]) =>
      textButton(text, () => {
        this.#show(false);
        act();
        after();
      });
    this.question.setAttribute("aria-label", question);
    const buttons = [...answers, ["Keep", () => {}]].map(button);
    this.question.replaceChildren(element("span", { text: question }), ...buttons);
    this.#show(true);
    this.question.querySelector("input").focus();
  }

  #show(isAsking) {
    this.question.hidden = !isAsking;
    this.said.hidden = isAsking;
  }
}
