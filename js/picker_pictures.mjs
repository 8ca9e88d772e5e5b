/** Which picture belongs under the points: a frame of the last run, or one read from the wired loader's file. */

const CANNOT_SHOW = "The browser cannot show this file. Press Run once to see the frame; you can draw already.";

/**
 * Frame `index` (from 0): `{ picture, size, frames }`, `{ missing: why it cannot be shown }`, or `{}` where nothing is
 * known. `run`: `{ frames: [file, ...], first, count }` of a run that is still right, or null: it saved the frames from
 * `first` on, of `count`; the others are read from the loader's file. `source`: see frame_source.mjs.
 */
export async function pictureOf(pictures, run, source, index) {
  if (run && index >= run.count) return { missing: `The clip has ${run.count} frames: draw on one of them.` };
  const saved = savedFrame(run, index);
  try {
    if (saved) return { ...(await pictures.ofRun(saved)), frames: run.count };
    if (source?.file) return { ...(await pictures.ofSource(source, index)), ...(run && { frames: run.count }) };
  } catch {
    return { missing: run && !saved ? notSaved(run) : CANNOT_SHOW };
  }
  return run ? { missing: notSaved(run) } : {};
}

function savedFrame(run, index) {
  return run?.frames[index - run.first];
}

function notSaved({ frames, first }) {
  const shown = `frames ${first + 1} to ${first + frames.length}`;
  return `The last run shows ${shown}. To see others, press "Draw on this frame" and run this node again.`;
}

/** Changes whenever another picture is meant. */
export function pictureKey(run, source, index) {
  return `${savedFrame(run, index)?.filename ?? (source?.file && source.key)} ${index}`;
}
