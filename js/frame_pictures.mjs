/** Gets the picture of one frame of the clip, from the last run's frames or from the loader's file. */

import { cutOut, fpsFromTimes, frameCount, frameTime } from "./frame_source.mjs";

const WAIT_MS = 8000;
const FRAMES_TIMED = 8;
/** Slow, so that few frames are left out. */
const PLAY_RATE = 0.5;
const MOST_KEPT = 160;

/** Waits for an event of `target`; rejects on "error" or when it takes too long. */
function once(target, type) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(reject, new Error(`no "${type}" in time`)), WAIT_MS);
    const done = () => finish(resolve);
    const failed = () => finish(reject, new Error("it cannot be shown"));
    function finish(settle, value) {
      clearTimeout(timer);
      target.removeEventListener(type, done);
      target.removeEventListener("error", failed);
      settle(value);
    }
    target.addEventListener(type, done);
    target.addEventListener("error", failed);
  });
}

/** A picture file as an image element. */
async function loadImage(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}

/** What a browser plays, opened once per file: seeks are done one after another. */
class VideoFile {
  constructor(url) {
    this.video = document.createElement("video");
    Object.assign(this.video, { muted: true, preload: "auto", playsInline: true, src: url });
    this.isClosed = this.hasShown = false;
    this.ready = once(this.video, "loadeddata").then(() => this.check());
    this.ready.catch(() => {});
    this.queue = Promise.resolve();
  }

  /** Throws where the element no longer shows this file: its size and duration mean nothing then. */
  check() {
    if (this.isClosed) throw new Error("it was closed");
    if (!Number.isFinite(this.video.duration)) throw new Error("nobody knows how long it is");
  }

  get size() {
    return [this.video.videoWidth, this.video.videoHeight];
  }

  /** Frames per second: a page cannot ask for it, so a few frames are played and timed. */
  async fps() {
    this.timed ??= this.#time();
    return this.timed;
  }

  async #time() {
    const { video } = this;
    if (!video.requestVideoFrameCallback) return 30;
    const times = [];
    const enough = new Promise((resolve) => {
      const note = (_, { mediaTime }) => {
        times.push(mediaTime);
        if (times.length > FRAMES_TIMED) resolve();
        else video.requestVideoFrameCallback(note);
      };
      video.requestVideoFrameCallback(note);
      video.addEventListener("ended", resolve, { once: true });
      setTimeout(resolve, WAIT_MS / 4);
    });
    video.playbackRate = PLAY_RATE;
    await video.play();
    await enough;
    video.pause();
    return fpsFromTimes(times) ?? 30;
  }

  /** Seeks and hands the video element to `use` while it shows that time. */
  at(time, use) {
    const job = async () => {
      const { video } = this;
      this.check();
      const inside = Math.min(time, Math.max(0, video.duration - 1e-3));
      if (Math.abs(video.currentTime - inside) > 1e-4 || video.seeking) {
        const seeked = once(video, "seeked");
        video.currentTime = inside;
        await seeked;
        this.check();
      }
      this.hasShown = true;
      return use(video);
    };
    this.queue = this.queue.then(job, job);
    return this.queue;
  }

  close() {
    this.isClosed = true;
    this.video.removeAttribute("src");
    this.video.load();
  }
}

export class FramePictures {
  /** `viewUrl({ filename, subfolder, type })`: where the server hands out a file. */
  constructor(viewUrl) {
    this.viewUrl = viewUrl;
    this.kept = new Map(); // promises of what was read, by what it is
    this.reading = new Set(); // keys of what is still being read from the video that is open
    this.video = null;
  }

  dispose() {
    this.video?.file.close();
    this.video = null;
    this.kept.clear();
    this.reading.clear();
  }

  /** A picture that a node saved: `{ picture, size }`. */
  async ofRun(saved) {
    const url = this.viewUrl(saved);
    const image = await this.#keep(url, () => loadImage(url));
    return { picture: image, size: [image.naturalWidth, image.naturalHeight] };
  }

  /** The clip's frame `index` from the loader's file: `{ picture, size, frames }`. Rejects where it cannot be shown. */
  async ofSource(source, index) {
    return this.#keep(`${source.key} ${index}`, () => this.#read(source, index));
  }

  async #read(source, index) {
    const url = this.viewUrl(source.file);
    if (!source.isVideo) {
      const image = await loadImage(url);
      return { ...cut(image, [image.naturalWidth, image.naturalHeight], source), frames: 1 };
    }
    if (this.video?.url !== url) this.#open(url);
    const { file } = this.video;
    try {
      return await frameOf(file, source, index);
    } catch (error) {
      if (!file.hasShown || this.video?.url !== url) throw error;
      if (this.video.file === file) this.#open(url); // what a browser has played may still break: it is opened once more
      return frameOf(this.video.file, source, index);
    }
  }

  /** Opens another video. Reads of the one before it come to nothing: whoever asks again has them read anew. */
  #open(url) {
    this.video?.file.close();
    for (const key of this.reading) this.kept.delete(key);
    this.reading.clear();
    this.video = { url, file: new VideoFile(url) };
  }

  async #keep(key, make) {
    if (!this.kept.has(key)) {
      const made = make();
      this.kept.set(key, made);
      this.reading.add(key);
      const done = () => this.kept.get(key) === made && this.reading.delete(key);
      made.then(done, () => done() && this.kept.delete(key));
      if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value);
    }
    return this.kept.get(key);
  }
}

/** The clip's frame `index` out of a video that is open. */
async function frameOf(file, source, index) {
  await file.ready;
  const fps = source.rate || (await file.fps());
  file.check();
  const frames = frameCount(source, file.video.duration, fps);
  const time = frameTime(Math.min(index, frames - 1), source, fps);
  return file.at(time, (video) => ({ ...cut(video, file.size, source), frames }));
}

/** The clip's frame out of a decoded picture: `{ picture: canvas, size }`. */
function cut(drawable, natural, source) {
  const { size, window } = cutOut(natural, source);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = size;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(drawable, ...window, 0, 0, ...size);
  return { picture: canvas, size };
}
