/**
 * Where the picture behind the points comes from, read off the graph: which file the wired loader opens, and which part
 * of it becomes the clip's frames. No DOM: nodes are taken as ComfyUI's graph has them (`type`, `inputs`, `widgets`,
 * `getInputNode`), which a test can imitate.
 */

/** Nodes that hand the picture on unchanged, by the input that they take it from. */
const PASS_THROUGH = { Reroute: 0, GetVideoComponents: "video" };
const PICTURE_INPUTS = ["video", "images", "image", "frames"];
const DEMO_SIZE = [128, 128];
const MULTIPLE = 64;
const MOST_STEPS = 32;

function widgetValue(node, name) {
  return node.widgets?.find((widget) => widget.name === name)?.value;
}

/** The slot of the first wired picture input, or -1. */
function pictureSlot(node) {
  const slots = (node.inputs ?? []).map((input, slot) => ({ name: input.name, slot, isWired: input.link != null }));
  for (const name of PICTURE_INPUTS) {
    const found = slots.find((input) => input.name === name && input.isWired);
    if (found) return found.slot;
  }
  return -1;
}

function slotOf(node, input) {
  return typeof input === "number" ? input : (node.inputs ?? []).findIndex(({ name }) => name === input);
}

/** The node that makes the picture that `node` is wired to, or null. */
function pictureNode(node) {
  let slot = pictureSlot(node);
  let at = node;
  for (let step = 0; step < MOST_STEPS; step++) {
    if (slot < 0) return null;
    at = at.getInputNode?.(slot) ?? null;
    if (at === null || !(at.type in PASS_THROUGH)) return at;
    slot = slotOf(at, PASS_THROUGH[at.type]);
  }
  return null;
}

/** "folder/name.png [output]" as ComfyUI's /view takes it. */
export function fileQuery(value) {
  const [, path, type] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(value);
  const cut = path.lastIndexOf("/");
  return { filename: path.slice(cut + 1), subfolder: cut < 0 ? "" : path.slice(0, cut), type: type ?? "input" };
}

const IS_STILL = /\.(png|jpe?g|webp|bmp|gif|tiff?)$/i;

/**
 * What is known about the picture that is wired into `node` before anything has run. Null if nothing is, else
 *   { key, file?: { filename, subfolder, type }, isVideo?, size?: [W, H], frames?, every, skip, cap, rate, isFloored }
 * `key` changes whenever the frames would; `size` null = the file's own (floored to multiples of 64 if `isFloored`).
 */
export function describeSource(node) {
  if (!node.graph) return null; // a copy that the page has made and not yet put anywhere: its links lead nowhere
  const origin = pictureNode(node);
  if (!origin) return null;
  const described = describe(origin);
  return { ...described, key: JSON.stringify([origin.id, origin.type, described]) };
}

function describe(origin) {
  const value = (name) => widgetValue(origin, name);
  const whole = { every: 1, skip: 0, cap: 0, rate: 0, isFloored: false, size: null };
  const fileOf = (name, isVideo) => {
    const file = value(name);
    return typeof file === "string" && file !== "" ? { ...whole, file: fileQuery(file), isVideo } : whole;
  };
  switch (origin.type) {
    case "LoadImage":
    case "LoadImageOutput":
      return fileOf("image", false);
    case "LoadVideo":
      return fileOf("file", true);
    case "DragAVideo_DemoClip":
      return {
        ...whole,
        size: DEMO_SIZE,
        frames: value("frames"),
        shown: [value("kind"), value("seed"), value("occluded")],
      };
    case "DragAVideo_LoadVideo": {
      const [width, height] = [value("width"), value("height")];
      const file = value("file") ?? value("video");
      const isNamed = typeof file === "string" && file !== "";
      return {
        ...(isNamed ? { file: fileQuery(file), isVideo: !IS_STILL.test(file) } : {}),
        every: value("select_every_nth") || 1,
        skip: value("skip_first_frames") || 0,
        cap: value("frame_load_cap") || 0,
        rate: value("force_rate") || 0,
        size: width && height ? [width, height] : null,
        isFloored: !(width && height),
      };
    }
    default:
      return whole;
  }
}

/**
 * The part of a picture of `source` [W, H] pixels that becomes the clip's frame, as our loader cuts it: the largest
 * centred window of the clip's shape, or, at the file's own size, the middle. `{ size, window: [left, top, width,
 * height] }`.
 */
export function cutOut([width, height], { size, isFloored }) {
  if (!size && !isFloored) return { size: [width, height], window: [0, 0, width, height] };
  const floored = (side) => Math.max(MULTIPLE, Math.floor(side / MULTIPLE) * MULTIPLE);
  const target = size ?? [floored(width), floored(height)];
  const scale = size ? Math.min(width / target[0], height / target[1]) : 1;
  const [w, h] = target.map((side, axis) => Math.min(side * scale, axis === 0 ? width : height));
  return { size: target, window: [(width - w) / 2, (height - h) / 2, w, h] };
}

/** The time, in seconds, in the middle of the time for which the file shows the clip's frame `index`. */
export function frameTime(index, { every, skip, rate }, fps) {
  return (skip + index * every + 0.5) / (rate || fps);
}

/** How many frames the clip has, from a file of `duration` seconds at `fps`: sound may go on for a part of a frame. */
export function frameCount({ every, skip, cap, rate }, duration, fps) {
  const count = Math.max(1, Math.ceil((Math.floor(duration * (rate || fps) + 0.1) - skip) / every));
  return cap ? Math.min(cap, count) : count;
}

/**
 * Frames per second from the times, in seconds, at which a playing video showed frames: one over the shortest gap, since
 * longer ones are frames that were left out (gaps alike are averaged: times are rounded). Null if too few.
 */
export function fpsFromTimes(times) {
  const gaps = times
    .slice(1)
    .map((time, index) => time - times[index])
    .filter((gap) => gap > 1e-3);
  if (gaps.length < 2) return null;
  const shortest = Math.min(...gaps);
  const alike = gaps.filter((gap) => gap < 1.25 * shortest);
  return alike.length / alike.reduce((sum, gap) => sum + gap, 0);
}

/** The settings of the Propagate node that these points go to, where the graph has one; else `defaults`. */
export function propagateSettings(node, graph, defaults) {
  const found = consumer(node, graph, "DragAVideo_Propagate");
  if (!found) return defaults;
  const entries = Object.entries(defaults).map(([name, value]) => {
    const set = widgetValue(found, name);
    return [name, typeof set === "number" && set > 0 ? set : value];
  });
  return Object.fromEntries(entries);
}

/** The first node of a type that an output of `node` leads to, through any Reroute nodes, or inside a subgraph. */
export function consumer(node, graph, type) {
  return follower(node, graph, type)?.node ?? null;
}

/** The same as `{ node, path }`; `path`: the ids of the subgraphs from `graph` on that it lies in, and its own. */
function follower(node, graph, type) {
  const waiting = [node];
  for (let step = 0; step < MOST_STEPS && waiting.length > 0; step++) {
    const at = waiting.shift();
    for (const output of at.outputs ?? [])
      for (const id of output.links ?? []) {
        const link = graph?.getLink(id);
        const next = link && graph.getNodeById(link.target_id);
        if (next?.type === type) return { node: next, path: [next.id] };
        const inside = next?.subgraph?.nodes.find((inner) => inner.type === type);
        if (inside) return { node: inside, path: [next.id, inside.id] };
        if (next?.type === "Reroute") waiting.push(next);
      }
  }
  return null;
}

/**
 * What has to run so that the points are followed and the displaced clip is there: the execution ids of Propagate Points
 * and Displace, as ComfyUI's partial execution takes them. None where the points lead to no Propagate Points.
 */
export function followingIds(node, rootGraph) {
  const { graph } = node;
  if (!graph) return [];
  const around = graph === rootGraph ? [] : [rootGraph?.nodes.find((one) => one.subgraph === graph)?.id];
  if (around.includes(undefined)) return []; // a subgraph in a subgraph
  const found = follower(node, graph, "DragAVideo_Propagate");
  if (!found) return [];
  const moved = follower(found.node, found.node.graph ?? graph, "DragAVideo_Displace");
  const outer = found.path.slice(0, -1);
  const paths = moved ? [found.path, [...outer, ...moved.path]] : [found.path];
  return paths.map((path) => [...around, ...path].join(":"));
}
