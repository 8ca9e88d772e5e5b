/**
 * As much of a browser's page as the widgets are built from, for Node's test runner: elements that keep what they are
 * given and can be told of events. Nothing is laid out, and nothing is drawn. Import it before any module of js/.
 */

class FakeElement {
  constructor(tag) {
    Object.assign(this, { tag, children: [], attributes: {}, listeners: {}, isConnected: false, ownText: "" });
    Object.assign(this, { value: "", hidden: false, disabled: false, checked: false, title: "" });
    Object.assign(this, { clientWidth: 524, clientHeight: 524, style: { setProperty() {} } });
    this.classList = { toggle() {}, add() {}, remove() {} };
    this.ownerDocument = globalThis.document;
  }

  append(...children) {
    for (const child of children) child.parent = this;
    this.children.push(...children);
  }

  replaceChildren(...children) {
    this.children = [];
    this.append(...children);
  }

  replaceWith(other) {
    const siblings = this.parent.children;
    siblings.splice(siblings.indexOf(this), 1, other);
    other.parent = this.parent;
  }

  remove() {
    const siblings = this.parent.children;
    siblings.splice(siblings.indexOf(this), 1);
  }

  get firstChild() {
    return this.children[0];
  }

  /** Attributes that are properties of the real element as well are kept as such. */
  setAttribute(name, value) {
    this.attributes[name] = String(value);
    if (["value", "title", "min", "max"].includes(name)) this[name] = String(value);
    if (["hidden", "disabled", "checked"].includes(name)) this[name] = true;
  }

  removeAttribute(name) {
    delete this.attributes[name];
  }

  addEventListener(type, listener) {
    (this.listeners[type] ??= []).push(listener);
  }

  removeEventListener(type, listener) {
    this.listeners[type] = (this.listeners[type] ?? []).filter((one) => one !== listener);
  }

  set textContent(text) {
    this.ownText = text;
    this.children = [];
  }

  get textContent() {
    return this.ownText + this.children.map((child) => child.textContent ?? "").join("");
  }

  querySelector(selector) {
    return all(this).find((one) => one.tag === selector) ?? null;
  }

  closest() {
    return null;
  }

  getBoundingClientRect() {
    return { left: 0, top: 0, width: this.clientWidth, height: this.clientHeight };
  }

  getContext() {
    const pixels = { getImageData: (x, y, width, height) => ({ data: new Uint8ClampedArray(4 * width * height) }) };
    return new Proxy(pixels, { get: (kept, name) => kept[name] ?? (() => {}), set: () => true });
  }

  focus() {}
  setPointerCapture() {}
  load() {}
}

function all(root) {
  return [root, ...root.children.flatMap((child) => (child instanceof FakeElement ? all(child) : []))];
}

/** The element below `root` whose accessible name starts so. */
export function labelled(root, start) {
  const found = all(root).find((one) => one.attributes["aria-label"]?.startsWith(start));
  if (!found) throw new Error(`nothing is called "${start}"`);
  return found;
}

/** Tells an element of an event, as the page would. */
export function fire(target, type, more = {}) {
  const event = { type, target, button: 0, pointerId: 1, ...more, stopPropagation() {}, preventDefault() {} };
  for (const listener of [...(target.listeners[type] ?? [])]) listener(event);
}

export function makeElement(tag) {
  return new FakeElement(tag);
}

globalThis.document = {
  createElement: makeElement,
  createElementNS: (_, tag) => makeElement(tag),
  activeElement: null,
};
globalThis.requestAnimationFrame = () => 1;
globalThis.ResizeObserver = class {
  observe() {}
  disconnect() {}
};
globalThis.Path2D = class {
  moveTo() {}
  lineTo() {}
  rect() {}
  arc() {}
  closePath() {}
  addPath() {}
};
globalThis.ImageData = class {};
globalThis.Image = class {
  async decode() {
    Object.assign(this, { naturalWidth: 128, naturalHeight: 128 });
  }
};
