/** The look of the full window. */

export const WINDOW = `
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
  --dav-text-size: 13px;
  padding: 0;
  font-size: 13px;
}
.dav-dialog .dav-side h4 {
  margin: 16px 0 6px;
}
.dav-dialog .dav-side h4:first-child {
  margin-top: 4px;
}
.dav-dialog .dav-side .dav-help-box > h4 {
  margin-top: 16px;
}
.dav-dialog .dav-help {
  gap: 6px 12px;
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
`;
