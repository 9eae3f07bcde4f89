// Pictures from noise: two samples by their numbers, and the way between them.

import {Ended, sampled} from "./jobs.js";
import {between, drawn} from "./noise.js";
import {$, notice, saves} from "./ui.js";

const STEPS = 9;

let model = null;
let ends = null;  // z of both samples
let wanted = null;  // "all" or "middle"
let busy = false;

export const noiseMode = {
  asks: "",

  async open(chosen) {
    model = chosen;
    $("drop").hidden = true;
    $("seeds").hidden = false;
    for (const id of ["first", "last"]) $(id).max = model.samples - 1;
    if (!$("first").value) [$("first").value, $("last").value] = [0, 1];
    $("class").replaceChildren(...model.classes.map((label, place) => new Option(label, place)));
    $("class-label").hidden = !model.classes.length;
    renew();
  },

  async take() {
    notice("This model makes pictures from noise: it takes none.");
  },

  close() {
    $("seeds").hidden = true;
  },
};

function renew() {
  const numbers = ["first", "last"].map((id) => Number($(id).value));
  if (numbers.some((number) => !Number.isInteger(number) || number < 0 || number >= model.samples)) {
    return notice(`Seeds are whole numbers from 0 to ${model.samples - 1}.`, true);
  }
  notice("");
  ends = numbers.map((number) => drawn(model, number));
  refresh("all");
}

/** Makes what is wanted; what is wanted meanwhile goes next. */
async function refresh(what) {
  wanted = wanted === "all" ? "all" : what;
  if (busy) return;
  busy = true;
  try {
    while (wanted) {
      const now = wanted;
      wanted = null;
      await make(now === "all").catch((error) => error instanceof Ended || notice(error.message, true));
    }
  } finally {
    busy = false;
  }
}

async function make(all) {
  if ($("seeds").hidden) return;
  const steps = all ? Array.from({length: STEPS}, (_, step) => step / (STEPS - 1)) : [];
  const parts = [Number($("way").value) / 100, ...steps], numbers = new Float32Array(parts.length * model.latent);
  for (const [row, part] of parts.entries()) numbers.set(between(...ends, part), row * model.latent);
  const name = `${model.name}-${$("first").value}-${$("last").value}-${$("way").value}.png`;
  const text = $("strip").childElementCount ? "" : "Getting the model ready";
  const {blob, facts} = await sampled(model, numbers, Number($("class").value), text);
  const bitmap = await createImageBitmap(blob), height = bitmap.height / parts.length;
  paint($("middle"), bitmap, height, 0);
  if (all) {
    const strip = steps.map((_, step) => paint(document.createElement("canvas"), bitmap, height, step + 1));
    $("strip").replaceChildren(...strip);
  }
  bitmap.close();
  $("middle").toBlob((file) => saves($("keepsample"), file, name), "image/png");
  $("seeds-facts").textContent = `${$("middle").width} × ${height}, ${facts}`;
}

/** One of the pictures that stand one below the other. */
function paint(canvas, bitmap, height, row) {
  Object.assign(canvas, {width: bitmap.width, height});
  canvas.getContext("2d").drawImage(bitmap, 0, -row * height);
  return canvas;
}

$("way").addEventListener("input", () => refresh("middle"));
$("class").addEventListener("change", () => refresh("all"));
for (const id of ["first", "last"]) $(id).addEventListener("change", renew);
$("renew").addEventListener("click", () => {
  for (const id of ["first", "last"]) $(id).value = Math.floor(Math.random() * model.samples);
  renew();
});
