/** The look of the toolbar, the buttons and the frame slider. */

export const CONTROLS = `
.dav-bar {
  display: flex;
  flex-wrap: wrap;
  gap: 3px;
  align-items: center;
}
.dav-group {
  display: inline-flex;
  gap: 1px;
}
.dav-group + .dav-group {
  border-left: 1px solid var(--dav-line);
  padding-left: 3px;
}
@container (max-width: 400px) {
  .dav-group:has(+ .dav-space) {
    display: none; /* zoom: in the full window there is room for it */
  }
}
.dav-brush {
  order: -1; /* on the left: beside the pointer's place it would move with it */
  display: inline-flex;
  align-items: center;
  gap: 6px;
  color: var(--dav-quiet);
}
.dav-brush > input {
  width: 90px;
  min-width: 0;
  height: 16px;
  margin: 0;
  accent-color: var(--dav-focus);
}
.dav-frame-acts {
  display: inline-flex;
  gap: 4px;
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
.dav-text-button {
  appearance: none;
  border: 1px solid var(--dav-line);
  border-radius: 5px;
  background: var(--dav-field);
  color: var(--dav-text);
  font: inherit;
  padding: 1px 10px;
  cursor: pointer;
  min-height: 22px;
}
.dav-text-button[hidden] {
  display: none;
}
.dav-text-button:disabled {
  opacity: 0.5;
  cursor: default;
}
.dav-strength {
  display: flex;
  gap: 8px;
  align-items: center;
}
.dav-strength[hidden] {
  display: none;
}
.dav-strength > input[type="range"] {
  flex: 1;
  min-width: 0;
  margin: 0;
  accent-color: var(--dav-focus);
}
.dav-frames {
  display: flex;
  gap: 8px;
  align-items: center;
}
.dav-track {
  position: relative;
  flex: 1 1 120px;
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
  white-space: nowrap;
  font-size: var(--dav-text-size);
  text-align: right;
  font-variant-numeric: tabular-nums;
  color: var(--dav-quiet);
}
`;
