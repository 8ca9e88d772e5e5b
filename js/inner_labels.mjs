/** What the knobs on a subgraph's node are called, where the page shows their ids. No DOM. */

const OURS = "DragAVideo_";

/** Gives every knob of `node`, a subgraph's node, that is called by its id the label that it has on our node inside. */
export function labelLikeInside({ subgraph, widgets = [] }) {
  const ours = (subgraph?.nodes ?? []).filter(({ type }) => type?.startsWith(OURS));
  for (const input of subgraph?.inputs ?? []) {
    const knob = widgets.find(({ name }) => name === input.name);
    const [inner] = input.getConnectedWidgets?.() ?? [];
    if (!knob || !inner?.label || !ours.some((one) => one.widgets?.includes(inner))) continue;
    if (!knob.label || knob.label === knob.name) knob.label = inner.label; // else somebody has named it
  }
}
