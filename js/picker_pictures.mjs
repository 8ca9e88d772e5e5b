/** Which picture belongs under the points: a frame of the last run, or one read from the wired loader's file. */

const CANNOT_SHOW = "The browser cannot show this file. Press Run once to see the frame; you can draw already.";

/**
 * Frame `index` (from 0): `{ picture, size, frames }`, `{ missing: why it cannot be shown }`, or `{}` where nothing is
 * known. `run`: `{ frames: [file, ...] }` of a run that is still right, or null; `source`: see frame_source.mjs.
 */
export async function pictureOf(pictures, run, source, index) {
  try {
    if (!run) return source?.file ? await pictures.ofSource(source, index) : {};
    if (!run.frames[index]) return { missing: `The clip has ${run.frames.length} frames: draw on one of them.` };
    return { ...(await pictures.ofRun(run.frames[index])), frames: run.frames.length };
  } catch {
    return { missing: CANNOT_SHOW };
  }
}

/** Changes whenever another picture is meant. */
export function pictureKey(run, source, index) {
  return `${run ? run.frames[index]?.filename : source?.file && source.key} ${index}`;
}
