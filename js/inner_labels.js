/** The knobs on the node of a subgraph with our nodes inside are called as they are inside. */

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { labelLikeInside } from "./inner_labels.mjs";

const labelAll = () => {
  for (const node of app.canvas?.graph?.nodes ?? []) labelLikeInside(node);
};

app.registerExtension({ name: "dragavideo.inner_labels", afterConfigureGraph: labelAll });
api.addEventListener("graphChanged", labelAll);
