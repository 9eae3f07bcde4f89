// Drawing for models that take edges, and painting holes for those that fill them: beside it what the model makes of it.

import {Easel} from "./easel.js";
import {canny, isDrawing} from "./edges.js";
import {inspect} from "./headers.js";
import {Ended, only, translated} from "./jobs.js";
import {$, notice, saves} from "./ui.js";

const examples = await (await fetch("examples.json")).json();
// smallest, largest and first width of the pen: of a drawing in px, of a hole in hundredths of the shorter side
const WIDTHS = {drawing: [1, 12, 1.5], hole: [1, 40, 10]};
// of the blur that edges are found with, in px
const SHARPEST = 0.5, SOFTEST = 4.5;

let model = null;
let photo = null;  // whose hole is painted
let traced = null;  // image of a photo whose edges are drawn
let onEasel = "";  // what the easel was set up for
let busy = false, again = false;

const easel = new Easel($("canvas"), {
  changed: () => (model.mode === "drawing" ? refresh() : painted()),
  size: () => Number($("width").value) * (model.mode === "hole" ? Math.min(photo.width, photo.height) / 100 : 1),
  erases: () => $("eraser").getAttribute("aria-pressed") === "true",
});

export const drawingMode = {
  asks: "Drop a photo here: its edges become the drawing",

  async open(chosen) {
    model = chosen;
    setUp("drawing");
    const key = `drawing ${model.side} ${model.task}`;
    if (onEasel !== key) {
      onEasel = key;
      traced = null;
      easel.reset(model.side, model.side, "#000", "#fff");
      $("detail").value = SHARPEST + SOFTEST - model.sigma;
      example();
    } else refresh();
  },

  async take(chosen, dropped) {
    if (!dropped.width) throw new Error("The browser cannot read this kind of file: take the edges of a JPEG or PNG.");
    traced = await only("Looking for edges", () => fitted(dropped.file, model.side));
    trace();
  },

  close,
};

export const holeMode = {
  asks: "Drop a photo here, paste one, or choose a file; then paint over what should go",

  async open(chosen, given) {
    model = chosen;
    $("drop").hidden = false;
    $("studio").hidden = true;
    if (!given) return;
    if (!given.width) throw new Error("The browser cannot show this kind of file: save it as JPEG or PNG, or use img2img infer.");
    photo = given;
    setUp("hole");
    if (onEasel !== `hole ${photo.url}`) {
      onEasel = `hole ${photo.url}`;
      $("under").src = photo.url;
      easel.reset(photo.width, photo.height, "#e0218a", null);
    }
    painted();
  },

  close,
};

function close() {
  again = false;
  $("studio").hidden = true;
}

function setUp(mode) {
  $("studio").className = mode;
  $("studio").hidden = false;
  $("drop").hidden = true;
  const [least, most, first] = WIDTHS[mode];
  if ($("width").max !== String(most)) Object.assign($("width"), {min: least, max: most, value: first});
  $("panes").style.setProperty("--shape", mode === "hole" ? photo.width / photo.height : 1);
  $("drawn").textContent = mode === "hole" ? "what should go" : "the drawing";
  $("keepinput").textContent = mode === "hole" ? "Save the hole" : "Save the drawing";
  emptied();
  pick(false);
}

function emptied() {
  $("made").hidden = true;
  $("keep").hidden = $("keepinput").hidden = true;
  $("made-facts").textContent = "";
}

/** What stands in a studio of holes after a stroke. */
function painted() {
  emptied();
  $("hint").textContent = easel.empty ? "Paint over what should go." : "“Fill” makes what could be there.";
  $("fill").disabled = easel.empty;
}

/** Runs the drawing through the model; what has been drawn meanwhile goes next. */
async function refresh() {
  $("detail-label").hidden = !traced;
  again = true;
  if (busy) return;
  busy = true;
  try {
    while (again) {
      again = false;
      await draw().catch((error) => error instanceof Ended || notice(error.message, true));
    }
  } finally {
    busy = false;
  }
}

async function draw() {
  const [file, head] = await only("", async () => {
    const file = await easel.file();
    return [file, await inspect(file)];
  });
  await make({file, head, width: model.side, height: model.side, name: "drawing"}, null, file);
}

async function fill() {
  notice("");
  try {
    const hole = await only("", () => easel.mask());
    await make(photo, hole, hole.file);
  } catch (error) {
    if (!(error instanceof Ended)) notice(error.message, true);
  }
}

/** The model's result of a photo, shown; `input` is what was drawn for it. */
async function make(source, hole, input) {
  const chosen = model, {blob, facts, note} = await translated(chosen, source, hole);
  $("made").src = saves($("keep"), blob, `${source.name}-${chosen.name}.png`);
  saves($("keepinput"), input, hole ? `${source.name}_mask.png` : "drawing.png");
  await only("", () => $("made").decode().catch(() => {}));
  notice(note);
  $("made-facts").textContent = `${source.width} × ${source.height}, ${facts}`;
  $("made").hidden = $("keep").hidden = $("keepinput").hidden = false;
}

/** A picture on white, as large as the drawing. */
async function fitted(file, side) {
  const bitmap = await createImageBitmap(file, {imageOrientation: "from-image"});
  const scale = side / Math.max(bitmap.width, bitmap.height);
  const [width, height] = [bitmap.width, bitmap.height].map((length) => Math.max(1, Math.round(length * scale)));
  const canvas = new OffscreenCanvas(width, height), pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  Object.assign(pen, {imageSmoothingEnabled: true, imageSmoothingQuality: "high"});
  pen.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return pen.getImageData(0, 0, width, height);
}

/** The edges of the photo that was given, as the drawing; a drawing stays as it is. */
function trace() {
  const {width, height} = traced, image = new ImageData(new Uint8ClampedArray(traced.data), width, height);
  if (isDrawing(image)) traced = null;
  else {
    const edges = canny(image, SHARPEST + SOFTEST - Number($("detail").value));
    edges.forEach((edge, at) => image.data.fill(edge ? 0 : 255, 4 * at, 4 * at + 3));
  }
  const sheet = new OffscreenCanvas(model.side, model.side), pen = sheet.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, model.side, model.side);
  pen.putImageData(image, Math.floor((model.side - width) / 2), Math.floor((model.side - height) / 2));
  easel.put(sheet);
}

/** Lines to begin with. */
function example() {
  traced = null;
  const sheet = new OffscreenCanvas(model.side, model.side), pen = sheet.getContext("2d"), scale = model.side / 100;
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, model.side, model.side);
  pen.scale(scale, scale);
  Object.assign(pen, {lineWidth: 1.2 / scale, lineCap: "round", lineJoin: "round"});
  for (const path of examples[model.task] ?? examples[""]) pen.stroke(new Path2D(path));
  easel.put(sheet);
}

function pick(eraser) {
  $("pen").setAttribute("aria-pressed", !eraser);
  $("eraser").setAttribute("aria-pressed", eraser);
}

/** The ring of the pen's width under the pointer. */
function ring(event) {
  const box = $("canvas").getBoundingClientRect(), width = easel.size() * box.width / $("canvas").width;
  Object.assign($("ring").style, {
    width: `${width}px`, height: `${width}px`, left: `${event.clientX - box.left}px`, top: `${event.clientY - box.top}px`});
}

$("pen").addEventListener("click", () => pick(false));
$("eraser").addEventListener("click", () => pick(true));
$("undo").addEventListener("click", () => easel.undo());
$("clear").addEventListener("click", () => {
  traced = null;
  easel.clear();
});
$("example").addEventListener("click", example);
$("fill").addEventListener("click", fill);
$("detail").addEventListener("change", () => traced && trace());
$("canvas").addEventListener("pointermove", ring);
addEventListener("keydown", (event) => {
  if ($("studio").hidden || event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  easel.undo();
});
