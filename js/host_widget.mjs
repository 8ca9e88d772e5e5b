/**
 * Puts one of our widgets into a ComfyUI node, in both of its renderers. The facts about ComfyUI that need care are
 * here and nowhere else.
 */

/** The element that is mounted for a node now, by graph and node. */
const mounted = new Map();
/** The widgets of nodes that are in a graph: `{ node, widget }`. */
const inGraphs = new Set();
const FORGET_MS = 2000;
/** When the outputs of earlier runs are looked for again: by then the page knows which tab it shows. */
const LATER_MS = [500, 1500, 4000];
/** What nodes put out, by workflow, graph and node: the page sometimes loses it when a tab is left right after a run. */
const remembered = new Map();
const MOST_REMEMBERED = 200;
const MIN_WIDTH = 440;
/** After these of the page's events a widget looks at the graph again. */
const CHANGES = ["graphChanged", "execution_success"];

const keyOf = (node) => `${node.graph?.id ?? ""}:${node.id}`;

/**
 * Registers a widget type with ComfyUI. `comfy`: its `{ app, api }`; `make(node, hooks)`: the widget for a node, with
 * the hooks `{ viewUrl(file), onChange() }`; `minHeight`: of the widget in a node, CSS pixels.
 */
export function register(comfy, name, type, minHeight, make) {
  const viewUrl = (file) => comfy.api.apiURL(`/view?${new URLSearchParams(file)}`);
  const build = (node, inputName, inputData) => {
    const made = make(node, { viewUrl, onChange: () => tellChange(comfy.app) });
    made.value = inputData?.[1]?.default ?? "";
    const widget = addToNode(node, inputName, type, made, comfy, minHeight);
    return { widget, minWidth: MIN_WIDTH, minHeight };
  };
  // The outputs of earlier runs come back after the nodes do, when a workflow's tab is opened again.
  const onNodeOutputsUpdated = () => inGraphs.forEach((one) => one.type === type && showOutput(one, comfy.app));
  comfy.app.registerExtension({ name, getCustomWidgets: () => ({ [type]: build }), onNodeOutputsUpdated });
}

/**
 * Adds `widget` (`{ root, value, refresh(), executed(output), undo(), redo(), start(), stop() }`) to a node as the
 * input `name`. `hooks`: `{ app, api }` of ComfyUI. Returns the DOM widget.
 */
function addToNode(node, name, type, widget, { app, api }, minHeight) {
  const { root } = widget;
  const domWidget = node.addDOMWidget(name, type, root, {
    getValue: () => widget.value,
    setValue: (value) => (widget.value = value),
    getMinHeight: () => minHeight,
    hideOnZoom: false,
    margin: 6,
  });
  domWidget.callback = () => widget.refresh();
  root.title = ""; // else the tooltip of the input would lie over the picture
  bindHistoryKeys(root, widget);
  keepEventsInside(root, app);

  // The classic canvas would make the node grow to show pictures of the run below ours.
  node.onDrawBackground = () => {};
  node.hideOutputImages = true;

  const entry = { node, widget, type };
  const refresh = () => widget.refresh();
  const enter = () => {
    inGraphs.add(entry);
    for (const type of CHANGES) api.addEventListener(type, refresh);
    widget.start();
  };
  if (node.graph) enter();
  chain(node, "onConfigure", () => {
    replaceOld(node, root);
    showOutput(entry, app);
    for (const wait of LATER_MS) setTimeout(() => inGraphs.has(entry) && showOutput(entry, app, recall(node, app)), wait);
    widget.refresh();
  });
  chain(node, "onAdded", () => {
    enter();
    setTimeout(() => replaceOld(node, root));
  });
  chain(node, "onConnectionsChange", () => setTimeout(refresh));
  chain(node, "onExecuted", (output) => {
    entry.shown = output;
    remember(node, app, output);
    widget.executed(output);
  });
  chain(node, "onRemoved", () => {
    inGraphs.delete(entry);
    for (const type of CHANGES) api.removeEventListener(type, refresh);
    widget.stop();
    const key = keyOf(node);
    setTimeout(() => mounted.get(key) === root && !root.isConnected && mounted.delete(key), FORGET_MS);
  });
  return domWidget;
}

/**
 * The undo keys, wherever in the widget the focus is, except where a number is being typed. ComfyUI's own undo does not
 * hear them there (see dom.mjs).
 */
function bindHistoryKeys(root, widget) {
  root.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.type === "number") return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) widget.redo();
    else widget.undo();
  });
}

/**
 * Tells ComfyUI that the user has changed the graph by other means than the mouse: it notes a step and marks it
 * unsaved.
 */
function tellChange(app) {
  app.canvas?.emitBeforeChange?.();
  app.canvas?.emitAfterChange?.();
}

function chain(node, name, also) {
  const before = node[name];
  node[name] = function (...values) {
    const result = before?.apply(this, values);
    also(...values);
    return result;
  };
}

/** After an undo of the graph, Nodes 2.0 goes on showing the element of the node that was there before. */
function replaceOld(node, root) {
  const key = keyOf(node);
  const old = mounted.get(key);
  if (old && old !== root && old.isConnected && !root.isConnected) old.replaceWith(root);
  mounted.set(key, root);
}

/**
 * What the node put out when it last ran, which ComfyUI keeps while other workflows are open: by the node's id, inside
 * a subgraph by the subgraph's id and the node's.
 */
export function outputOf(node, app) {
  const graph = node?.graph;
  if (!graph) return undefined;
  const isInSubgraph = Boolean(graph.rootGraph) && graph !== graph.rootGraph;
  return app.nodeOutputs?.[isInSubgraph ? `${graph.id}:${node.id}` : node.id];
}

const tabKey = (node, app) => `${app.extensionManager?.workflow?.activeWorkflow?.path}:${keyOf(node)}`;

function remember(node, app, output) {
  const key = tabKey(node, app);
  remembered.delete(key); // it becomes the newest
  remembered.set(key, output);
  if (remembered.size > MOST_REMEMBERED) remembered.delete(remembered.keys().next().value);
}

const recall = (node, app) => remembered.get(tabKey(node, app));

/** Shows what the node put out; `otherwise`: where the page does not know it. */
function showOutput(entry, app, otherwise) {
  const output = outputOf(entry.node, app) ?? (entry.shown ? undefined : otherwise);
  if (!output || output === entry.shown) return;
  entry.shown = output;
  entry.widget.executed(output);
}

/**
 * Keeps the widget's events from dragging the node and from ComfyUI's one-key commands. Key combinations go on, so that
 * the graph can be queued and saved from here; so does the wheel, which zooms the graph.
 */
function keepEventsInside(root, app) {
  for (const type of ["pointerdown", "pointermove", "pointerup"])
    root.addEventListener(type, (event) => event.stopPropagation());
  for (const type of ["keydown", "keyup", "keypress"])
    root.addEventListener(type, (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.defaultPrevented) event.stopPropagation();
    });
  root.addEventListener(
    "wheel",
    (event) => {
      const isInNode = root.closest("[data-node-id]") !== null; // Nodes 2.0 hands the wheel on itself
      if (isInNode || event.target.closest?.(".dav-side, dialog[open]")) return;
      event.preventDefault();
      app.canvas?.processMouseWheel(event);
    },
    { passive: false },
  );
}
