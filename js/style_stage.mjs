/** The look of the stage: picture, focus, note. */

export const STAGE = `
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
  font-size: var(--dav-text-size);
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
`;
