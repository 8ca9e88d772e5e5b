import { fire, makeElement } from "./fake_page.mjs";

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { FramePictures } from "../../js/frame_pictures.mjs";

/** Videos that are loaded when the test says so, and that have no duration once their file is taken away. */
const videos = [];

function makeVideo() {
  const video = makeElement("video");
  Object.assign(video, { duration: NaN, currentTime: 0, seeking: false, videoWidth: 64, videoHeight: 64 });
  video.removeAttribute = () => (video.duration = NaN);
  video.loaded = () => {
    video.duration = 2;
    fire(video, "loadeddata");
  };
  const seek = () => void setTimeout(() => fire(video, "seeked"));
  Object.defineProperty(video, "currentTime", { get: () => 0, set: seek });
  videos.push(video);
  return video;
}

globalThis.document.createElement = (tag) => (tag === "video" ? makeVideo() : makeElement(tag));

const whole = { isVideo: true, every: 1, skip: 0, cap: 0, rate: 10, isFloored: false, size: null };
const source = (name) => ({ ...whole, key: name, file: { filename: name } });
const settled = (promise) =>
  promise.then(
    ({ frames }) => frames,
    () => "rejected",
  );

let pictures;
beforeEach(() => {
  videos.length = 0;
  pictures = new FramePictures(({ filename }) => filename);
});

test("a frame of a video that stays open is read once", async () => {
  const first = pictures.ofSource(source("a"), 0);
  videos[0].loaded();
  assert.equal((await first).frames, 20);
  assert.equal(await pictures.ofSource(source("a"), 0), await first);
  assert.equal(videos.length, 1);
});

test("flipping through three videos and back shows the first: nothing of a closed one is handed out or kept", async () => {
  const flipped = [..."abc", "a"].map((name) => settled(pictures.ofSource(source(name), 0)));
  assert.equal(videos.length, 4);
  for (const video of videos) video.loaded();
  assert.deepEqual(await Promise.all(flipped), ["rejected", "rejected", "rejected", 20]);
  const again = pictures.ofSource(source("b"), 0);
  videos.at(-1).loaded();
  assert.equal((await again).frames, 20);
});

test("a video closed in the middle of a seek gives no frame", async () => {
  const first = settled(pictures.ofSource(source("a"), 3));
  videos[0].loaded();
  await new Promise((resolve) => setTimeout(resolve));
  const second = settled(pictures.ofSource(source("b"), 3));
  videos[1].loaded();
  assert.deepEqual(await Promise.all([first, second]), ["rejected", 20]);
});

test("a video whose length nobody knows is refused, and asked again the next time", async () => {
  const first = settled(pictures.ofSource(source("live"), 0));
  videos[0].duration = Infinity;
  fire(videos[0], "loadeddata");
  assert.equal(await first, "rejected");
});

test("a video that was shown and then breaks is opened once more; one that never could be shown is not", async () => {
  const first = pictures.ofSource(source("a"), 0);
  videos[0].loaded();
  await first;
  Object.defineProperty(videos[0], "currentTime", { get: () => 0, set: () => setTimeout(() => fire(videos[0], "error")) });
  const broken = [3, 4].map((index) => settled(pictures.ofSource(source("a"), index)));
  for (let turn = 0; turn < 50 && videos.length < 2; turn++) await new Promise((resolve) => setTimeout(resolve));
  videos[1].loaded();
  assert.deepEqual(await Promise.all(broken), [20, 20]);
  const never = settled(pictures.ofSource(source("b"), 0));
  fire(videos[2], "error");
  assert.equal(await never, "rejected");
  assert.equal(videos.length, 3);
});
