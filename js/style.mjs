/** The look of both widgets. Colours come from ComfyUI's theme, so that light and dark palettes both work. */

export const STYLE = `
.dav-root {
  --dav-panel: var(--comfy-menu-bg, #353535);
  --dav-field: var(--comfy-input-bg, #222);
  --dav-text: var(--input-text, #ddd);
  --dav-quiet: color-mix(in srgb, var(--dav-text) 72%, var(--dav-panel));
  --dav-line: color-mix(in srgb, var(--dav-text) 24%, var(--dav-panel));
  --dav-focus: var(--p-primary-color, #56b4e9);
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
.dav-root *,
.dav-root *::before {
  box-sizing: border-box;
}
.dav-home {
  flex: 1;
  min-width: 0;
  display: flex;
  position: relative;
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
.dav-bar {
  display: flex;
  flex-wrap: wrap;
  gap: 4px;
  align-items: center;
}
.dav-group {
  display: inline-flex;
  gap: 2px;
}
.dav-group + .dav-group {
  border-left: 1px solid var(--dav-line);
  padding-left: 4px;
}
.dav-space {
  flex: 1;
}
.dav-button {
  position: relative;
  width: 26px;
  height: 26px;
  border-radius: 5px;
  flex: none;
  display: inline-block;
}
.dav-button > svg {
  width: 18px;
  height: 18px;
  margin: 4px;
  display: block;
  fill: none;
  stroke: currentColor;
  stroke-width: 1.8;
  stroke-linecap: round;
  stroke-linejoin: round;
  pointer-events: none;
  position: relative;
  z-index: 1;
}
.dav-button > input {
  appearance: none;
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  margin: 0;
  padding: 0;
  border: 0;
  border-radius: 5px;
  background: transparent;
  cursor: pointer;
  min-width: 0;
}
.dav-button > input:hover {
  background: color-mix(in srgb, var(--dav-text) 14%, transparent);
}
.dav-button:has(> input:checked) {
  color: var(--dav-panel);
}
.dav-button > input:checked {
  background: var(--dav-text);
}
.dav-button:has(> input:disabled) {
  opacity: 0.35;
}
.dav-button > input:disabled {
  cursor: default;
  background: transparent;
}
.dav-root input:focus-visible {
  outline: 2px solid var(--dav-focus);
  outline-offset: 1px;
}
.dav-main {
  flex: 1;
  min-height: 0;
  min-width: 0;
  display: flex;
  flex-direction: column;
  gap: 6px;
}
.dav-stage {
  position: relative;
  flex: 1;
  min-height: 120px;
  min-width: 0;
  border-radius: 5px;
  overflow: hidden;
  background: var(--dav-field);
  touch-action: none;
}
.dav-stage:focus-within::after {
  content: "";
  position: absolute;
  inset: 0;
  border-radius: 5px;
  box-shadow: inset 0 0 0 2px var(--dav-focus);
  pointer-events: none;
}
.dav-stage > canvas {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  touch-action: none;
}
.dav-keys {
  position: absolute;
  left: 0;
  bottom: 0;
  width: 1px;
  height: 1px;
  opacity: 0;
  padding: 0;
  border: 0;
  resize: none;
  pointer-events: none;
}
.dav-note {
  position: absolute;
  left: 8px;
  right: 8px;
  bottom: 8px;
  pointer-events: none;
  text-align: center;
}
.dav-note > span {
  display: inline-block;
  padding: 4px 10px;
  border-radius: 5px;
  background: rgba(0, 0, 0, 0.78);
  color: #fff;
  max-width: 46em;
}
.dav-note > span:empty {
  display: none;
}
.dav-status {
  display: flex;
  gap: 8px;
  align-items: center;
  min-height: 18px;
}
.dav-said {
  flex: 1;
  min-width: 0;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
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
  line-height: 14px;
}
.dav-where {
  color: var(--dav-quiet);
  font-variant-numeric: tabular-nums;
  white-space: nowrap;
}
.dav-ask {
  display: flex;
  gap: 6px;
  align-items: center;
  flex: 1;
}
.dav-button[hidden],
.dav-away[hidden],
.dav-ask[hidden],
.dav-said[hidden],
.dav-frames[hidden],
.dav-side[hidden],
.dav-help-box[hidden] {
  display: none;
}
.dav-text-button {
  appearance: none;
  border: 1px solid var(--dav-line);
  border-radius: 5px;
  background: var(--dav-field);
  color: var(--dav-text);
  font: inherit;
  padding: 1px 10px;
  cursor: pointer;
  height: 22px;
}
.dav-frames {
  display: flex;
  gap: 8px;
  align-items: center;
}
.dav-track {
  position: relative;
  flex: 1;
  min-width: 0;
  display: flex;
}
.dav-marks {
  position: absolute;
  left: 8px;
  right: 8px;
  top: -5px;
  height: 6px;
  pointer-events: none;
}
.dav-marks > span {
  position: absolute;
  width: 6px;
  height: 6px;
  margin-left: -3px;
  background: var(--dav-text);
  border-radius: 1px;
  transform: rotate(45deg);
}
.dav-frames input[type="range"] {
  flex: 1;
  min-width: 0;
  accent-color: var(--dav-focus);
  margin: 0;
  height: 18px;
}
.dav-frames > output {
  min-width: 5.5em;
  text-align: right;
  font-variant-numeric: tabular-nums;
  color: var(--dav-quiet);
}
.dav-side {
  max-height: 116px;
  overflow: auto;
  flex: none;
  overscroll-behavior: contain;
}
.dav-pairs {
  display: grid;
  gap: 3px;
}
.dav-pair {
  display: flex;
  gap: 4px;
  align-items: center;
  padding: 2px 3px;
  border-radius: 5px;
  border: 1px solid transparent;
}
.dav-pair.dav-chosen {
  border-color: var(--dav-line);
  background: var(--dav-field);
}
.dav-chip {
  flex: none;
  width: 18px;
  height: 18px;
  border-radius: 9px;
  font-weight: 700;
  font-size: 11px;
  line-height: 18px;
  text-align: center;
  box-shadow: 0 0 0 1px rgba(0, 0, 0, 0.55);
}
.dav-pair input[type="number"] {
  appearance: textfield;
  width: 0;
  min-width: 0;
  max-width: 5.4em;
  flex: 1 1 0;
  height: 22px;
  padding: 0 4px;
  border-radius: 4px;
  font: inherit;
  border: 1px solid var(--dav-line);
  background: var(--dav-field);
  color: var(--dav-text);
  font-variant-numeric: tabular-nums;
  text-align: right;
}
.dav-pair input::-webkit-inner-spin-button {
  display: none;
}
.dav-pair .dav-button {
  width: 22px;
  height: 22px;
}
.dav-pair .dav-button > svg {
  width: 16px;
  height: 16px;
  margin: 3px;
}
.dav-pair .dav-flag {
  width: 14px;
  flex: none;
  border-radius: 3px;
  font-weight: 700;
  text-align: center;
  line-height: 14px;
}
.dav-pair .dav-flag[title] {
  background: #f0e442;
  color: #000;
}
.dav-side h4 {
  margin: 8px 0 4px;
  font: inherit;
  font-weight: 600;
  color: var(--dav-text);
}
.dav-side h4:first-child {
  margin-top: 0;
}
.dav-side p {
  margin: 0 0 4px;
  color: var(--dav-quiet);
}
.dav-dialog {
  position: fixed;
  inset: 0;
  width: 100vw;
  height: 100vh;
  max-width: none;
  max-height: none;
  margin: 0;
  padding: 12px;
  border: 0;
  background: var(--dav-panel);
  color: inherit;
  overflow: hidden;
  pointer-events: auto;
}
.dav-dialog[open] {
  display: flex;
}
.dav-dialog::backdrop {
  background: rgba(0, 0, 0, 0.7);
}
.dav-dialog .dav-body {
  padding: 0;
  font-size: 13px;
}
.dav-dialog .dav-main {
  flex-direction: row;
  gap: 12px;
}
.dav-dialog .dav-side {
  width: 352px;
  padding-right: 4px;
  max-height: none;
}
.dav-help {
  display: grid;
  grid-template-columns: max-content 1fr;
  gap: 3px 10px;
  margin: 0;
  color: var(--dav-quiet);
}
.dav-help dt {
  color: var(--dav-text);
  font-weight: 600;
}
.dav-help dd {
  margin: 0;
}
`;
