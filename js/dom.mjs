/**
 * Small helpers to build the widgets' elements.
 *
 * Everything here that can take the keyboard focus is an INPUT or TEXTAREA. ComfyUI listens for Ctrl+Z on the window
 * before any widget hears of it, and leaves it alone only there; so the widgets' own undo works wherever the focus is.
 */

const SVG = "http://www.w3.org/2000/svg";

/** The drawings of the buttons, on a 24 x 24 grid, stroked. */
const ICONS = {
  arrow: "M6 18 17 7M9.5 6.5H17.5V14.5M5 19h.01",
  pin: "M12 21v-7M8 3h8M9 3v6l-3 5h12l-3-5V3",
  thing: "M4 16c3-9 7 3 10-4 2-5 4-6 6-6M4 20h.01M20 20h.01M12 20h.01",
  ground: "M4 15l3-3 3 3 3-3 3 3 4-4M4 20h16",
  eraser: "M8 20l-4-4L14 6l6 6-8 8zM9 11l6 6M8 20h12",
  mask: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5M9 9h6v6H9z",
  after: "M2 12s4-6.5 10-6.5S22 12 22 12s-4 6.5-10 6.5S2 12 2 12zM12 9a3 3 0 1 1 0 6 3 3 0 0 1 0-6z",
  undo: "M8 5 4 9l4 4M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "M16 5l4 4-4 4M20 9H10a6 6 0 0 0 0 12h3",
  duplicate: "M9 9h11v11H9zM15 9V4H4v11h5",
  remove: "M6 6l12 12M18 6 6 18",
  suggest: "M4 20 14 10M13 4v3M18.5 5.5l-2 2M20 11h-3M7 4v3M5.5 5.5h3",
  clear: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  zoomOut: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5 20 20M8 10.5h5",
  zoomIn: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5 20 20M8 10.5h5M10.5 8v5",
  fit: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M8 12h8M12 8v8",
  list: "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
  expand: "M14 4h6v6M20 4l-7 7M10 20H4v-6M4 20l7-7",
  shrink: "M20 10h-6V4M14 10l7-7M4 14h6v6M10 14l-7 7",
  back: "M17 6l-8 6 8 6zM6 6v12",
  next: "M7 6l8 6-8 6zM18 6v12",
  play: "M7 5l12 7-12 7z",
  pause: "M8 5v14M16 5v14",
};

/** An element with attributes; those that start with "on" are listeners, `text` is its text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** A drawing with an INPUT lying over it: `{ shell, input }`. */
function overlaid(name, attributes) {
  const input = element("input", attributes);
  return { shell: element("span", { class: "dav-button" }, icon(name), input), input };
}

/** A button: `{ shell, input, setIcon }`. `label` is its tooltip and its name for screen readers. */
export function button(name, label, onclick) {
  const made = overlaid(name, { type: "button", value: "", title: label, "aria-label": label, onclick });
  const setIcon = (other, text) => {
    made.shell.firstChild.replaceWith(icon(other));
    made.input.title = text;
    made.input.setAttribute("aria-label", text);
  };
  return { ...made, setIcon };
}

/** A button with a word on it. */
export function textButton(text, onclick) {
  return element("input", { type: "button", class: "dav-text-button", value: text, onclick });
}

/** A button that stays down: `{ shell, input }`. */
export function toggle(name, label, onchange) {
  return overlaid(name, { type: "checkbox", title: label, "aria-label": label, onchange });
}

let groups = 0;

/** One choice out of `[{ icon, value, label }]`: `{ shell, set(value) }`. */
export function choice(options, label, onchange) {
  const name = `dav-choice-${++groups}`;
  const made = options.map((option) =>
    overlaid(option.icon, {
      type: "radio",
      name,
      value: option.value,
      title: option.label,
      "aria-label": option.label,
      onchange: () => onchange(option.value),
    }),
  );
  const shell = element(
    "span",
    { class: "dav-group", role: "radiogroup", "aria-label": label },
    ...made.map((one) => one.shell),
  );
  return { shell, set: (value) => made.forEach(({ input }) => (input.checked = input.value === value)) };
}
