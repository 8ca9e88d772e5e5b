/** The picker's tools: what each is called, which paint with a brush, and how wide that is. */

/** `{ value, icon, key, label }` of each, in the order of the toolbar. */
export const TOOLS = [
  {
    value: "arrow",
    icon: "arrow",
    key: "a",
    label: "Arrow (A): drag, or click twice, from what should move to where it should go",
  },
  { value: "pin", icon: "pin", key: "p", label: "Pin (P): click on what should stay in its place" },
  { value: "mask", icon: "mask", key: "m", label: "Mask (M): paint over all that may change" },
  { value: "thing", icon: "thing", key: "t", label: "Thing (T): click on the thing that moves, or paint along it" },
  { value: "ground", icon: "ground", key: "g", label: "Ground (G): click on what is not the thing, or paint over it" },
  { value: "eraser", icon: "eraser", key: "e", label: "Eraser (E): rub out mask and strokes" },
];

/** Half the width of each brush, px in a frame whose shorter side is REFERENCE_SIDE. */
const WIDTHS = { mask: 28, thing: 10, ground: 10, eraser: 28 };
const REFERENCE_SIDE = 512;
export const LEAST_WIDTH = 4;
export const MOST_WIDTH = 120;
const STEP = 1.25;

/** The widths of the brushes, as the user has set them: not part of the points, and not saved. */
export class Brushes {
  constructor() {
    this.widths = { ...WIDTHS };
  }

  /** Does the tool paint? */
  static has(tool) {
    return tool in WIDTHS;
  }

  /** Half the width of a tool's brush in a frame of `size`, px. */
  radius(tool, size) {
    return (this.widths[tool] * Math.min(...size)) / REFERENCE_SIDE;
  }

  set(tool, width) {
    if (Brushes.has(tool)) this.widths[tool] = Math.min(Math.max(width, LEAST_WIDTH), MOST_WIDTH);
  }

  /** `steps` steps wider, or narrower where negative. */
  widen(tool, steps) {
    this.set(tool, this.widths[tool] * STEP ** steps);
  }
}
