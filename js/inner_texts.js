/** A subgraph's node says what our nodes inside of it say. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { InnerTexts, nodeAt } from "./inner_texts.mjs";

const OURS = "DragAVideo_";
const texts = new InnerTexts();

api.addEventListener("execution_start", () => texts.start());
api.addEventListener("progress_text", ({ detail: { nodeId, text } }) => {
  const id = String(nodeId ?? "");
  const inner = id.includes(":") && text ? nodeAt(id, app.rootGraph ?? app.graph) : null;
  if (!inner?.type?.startsWith(OURS)) return;
  for (const [around, said] of texts.say(id, inner.title, text))
    api.dispatchCustomEvent("progress_text", { nodeId: around, text: said });
});
