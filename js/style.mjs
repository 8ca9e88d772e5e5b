/** The look of both widgets. Colours come from ComfyUI's theme, so that light and dark palettes both work. */

import { CONTROLS } from "./style_controls.mjs";
import { LIST } from "./style_list.mjs";
import { STAGE } from "./style_stage.mjs";
import { WINDOW } from "./style_window.mjs";

const FRAME = `
.dav-root {
  --dav-panel: var(--comfy-menu-bg, #353535);
  --dav-field: var(--comfy-input-bg, #222);
  --dav-text: var(--input-text, #ddd);
  --dav-quiet: color-mix(in srgb, var(--dav-text) 72%, var(--dav-panel));
  --dav-line: color-mix(in srgb, var(--dav-text) 24%, var(--dav-panel));
  --dav-focus: var(--p-primary-color, #56b4e9);
  --dav-text-size: calc(12px * var(--dav-scale, 1)); /* --dav-scale: see Editor.scaled */
  box-sizing: border-box;
  width: 100%;
  height: 100%;
  min-height: 340px;
  min-width: 0;
  display: flex;
  overflow: hidden;
  contain: size; /* nothing inside ever makes the node grow */
  color: var(--dav-text);
  font:
    12px/1.35 Inter,
    system-ui,
    sans-serif;
  pointer-events: auto;
  user-select: none;
}
[data-testid="linear-widgets"] .dav-root {
  min-height: 460px; /* the page's app mode: nothing else gives it a height there */
}
.dav-root *,
.dav-root *::before {
  box-sizing: border-box;
}
.dav-home {
  flex: 1;
  min-width: 0;
  display: flex;
  position: relative;
  container-type: inline-size;
}
.dav-away {
  margin: auto;
  color: var(--dav-quiet);
  text-align: center;
}
.dav-body {
  flex: 1;
  min-width: 0;
  min-height: 0;
  display: flex;
  flex-direction: column;
  gap: 6px;
  padding: 6px;
  background: var(--dav-panel);
  border-radius: 8px;
}
.dav-status {
  display: flex;
  gap: 8px;
  align-items: flex-start;
  height: calc(2 * 1.35 * var(--dav-text-size)); /* two lines, always: the stage must not change its size */
  font-size: var(--dav-text-size);
}
.dav-said {
  flex: 1;
  min-width: 0;
  max-height: 100%;
  overflow: hidden;
  color: var(--dav-quiet);
}
.dav-said.dav-warning {
  color: var(--dav-text);
}
.dav-said.dav-warning::before {
  content: "!";
  display: inline-block;
  width: 14px;
  margin-right: 5px;
  border-radius: 3px;
  background: #f0e442;
  color: #000;
  font-weight: 700;
  text-align: center;
  line-height: 1.2;
}
.dav-where {
  order: 1;
  color: var(--dav-quiet);
  font-variant-numeric: tabular-nums;
  white-space: nowrap;
}
.dav-small .dav-said:not(:empty):not([hidden]) ~ .dav-where {
  display: none;
}
.dav-ask {
  display: flex;
  gap: 6px;
  align-items: center;
  flex: 1;
}
.dav-button[hidden],
.dav-brush[hidden],
.dav-frame-acts[hidden],
.dav-away[hidden],
.dav-ask[hidden],
.dav-said[hidden],
.dav-frames[hidden],
.dav-side[hidden],
.dav-help-box[hidden] {
  display: none;
}
`;

export const STYLE = FRAME + STAGE + CONTROLS + LIST + WINDOW;
