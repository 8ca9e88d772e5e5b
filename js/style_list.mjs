/** The look of the list of pairs and of the help beside it. */

export const LIST = `
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
  margin: 4px 0;
  color: var(--dav-quiet);
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
