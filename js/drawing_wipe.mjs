/** Draws the second of two pictures to the right of a line, and the line with its handle and what lies on either side. */

const LINE = 2; // CSS px times the stage's marker scale
const HANDLE = 9;
const DARK = "rgba(0, 0, 0, 0.8)";

/** `edited`: the picture to the right; `wipe`: where the line is, as a share of the picture's width. */
export function drawWipe(context, stage, edited, wipe) {
  const view = stage.currentView();
  const k = stage.markerScale;
  const [width, height] = stage.size.map((side) => side * view.scale);
  const at = view.x + wipe * width;
  context.save();
  context.beginPath();
  context.rect(at, view.y, view.x + width - at, height);
  context.clip();
  if (edited) context.drawImage(edited, view.x, view.y, width, height);
  context.restore();
  context.fillStyle = DARK;
  context.fillRect(at - LINE * k, view.y, 2 * LINE * k, height);
  context.fillStyle = "#fff";
  context.fillRect(at - (LINE * k) / 2, view.y, LINE * k, height);
  drawHandle(context, at, view.y + height / 2, k);
  drawWord(context, "before", at - 8 * k, view.y + 8 * k, "right", k);
  drawWord(context, "after", at + 8 * k, view.y + 8 * k, "left", k);
}

function drawHandle(context, x, y, k) {
  context.beginPath();
  context.arc(x, y, HANDLE * k, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
  context.lineWidth = 1.5 * k;
  context.strokeStyle = DARK;
  context.stroke();
  context.beginPath();
  for (const side of [-1, 1]) {
    context.moveTo(x + side * 2.5 * k, y - 3.5 * k);
    context.lineTo(x + side * 5.5 * k, y);
    context.lineTo(x + side * 2.5 * k, y + 3.5 * k);
  }
  context.stroke();
}

function drawWord(context, word, x, y, side, k) {
  context.font = `600 ${11 * k}px Inter, system-ui, sans-serif`;
  context.textAlign = side;
  context.textBaseline = "top";
  const width = context.measureText(word).width + 8 * k;
  context.fillStyle = DARK;
  context.fillRect(side === "left" ? x - 4 * k : x + 4 * k - width, y - 3 * k, width, 18 * k);
  context.fillStyle = "#fff";
  context.fillText(word, x, y);
}
