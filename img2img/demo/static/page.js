// The page: which model, which photo, and who shows what the one makes of the other.

import {inspect} from "./headers.js";
import {end, Ended, only} from "./jobs.js";
import {photoMode} from "./photo.js";
import {noiseMode} from "./seeds.js";
import {drawingMode, holeMode} from "./studio.js";
import {$, megapixels, notice, site} from "./ui.js";

const MODES = {photo: photoMode, drawing: drawingMode, hole: holeMode, noise: noiseMode};

let model = null;
let photo = null;  // {file, name, head, url, width, height}; width is 0 where the browser cannot read it

/** Whether `work` came to its end; why not is said. */
async function told(work) {
  try {
    await work;
  } catch (error) {
    if (error instanceof Ended) return;
    offer();
    notice(error.message, true);
  }
}

/** Asks for a photo again, where nothing is seen of one. */
function offer() {
  $("drop").hidden = !["result", "studio", "seeds"].every((id) => $(id).hidden);
}

function choose() {
  const before = model;
  model = site.models.find((one) => one.name === document.querySelector("#models :checked").value);
  end();
  notice("");
  if (before && before.mode !== model.mode) MODES[before.mode].close();
  document.body.dataset.mode = model.mode;
  $("asks").textContent = MODES[model.mode].asks;
  told(MODES[model.mode].open(model, photo));
}

async function read(file) {
  const url = URL.createObjectURL(file), image = new Image();
  image.src = url;
  try {
    const [shown, head] = await only("Reading the photo", () =>
      Promise.all([image.decode().then(() => true, () => false), inspect(file)]));
    const name = (file.name ?? "").replace(/\.[^.]*$/, "") || "photo";
    return {file, name, url, head, width: shown ? image.naturalWidth : 0, height: shown ? image.naturalHeight : 0};
  } catch (error) {
    URL.revokeObjectURL(url);
    throw error;
  }
}

async function take(file) {
  if (!file || !model) return;
  const mode = MODES[model.mode];
  notice("");
  if (mode !== noiseMode) {
    $("result").hidden = true;
    $("drop").classList.add("small");
    const next = await read(file);
    if (photo) URL.revokeObjectURL(photo.url);
    photo = next;
  }
  await (mode.take ?? mode.open)(model, photo);
}

function another() {
  end();
  $("file").value = "";
  $("file").click();
}

function listModels() {
  for (const [place, one] of site.models.entries()) {
    const label = document.createElement("label"), radio = document.createElement("input");
    Object.assign(radio, {type: "radio", name: "model", value: one.name, checked: place === 0});
    const name = Object.assign(document.createElement("strong"), {textContent: one.name});
    const text = Object.assign(document.createElement("span"), {textContent: one.text});
    label.append(radio, name, text);
    $("models").append(label);
  }
  $("models").addEventListener("change", choose);
}

function listen() {
  $("file").addEventListener("change", () => told(take($("file").files[0])));
  $("cancel").addEventListener("click", () => {
    end();
    notice("Cancelled.");
    offer();
  });
  for (const id of ["another", "otherphoto"]) $(id).addEventListener("click", another);
  addEventListener("paste", (event) => told(take(event.clipboardData.files[0])));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", () => document.body.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    told(take(event.dataTransfer.files[0]));
  });
}

function introduce() {
  const local = site.models.some((one) => one.browser);
  $("where").textContent = local
    ? "Pictures are made in your browser and stay on your machine."
    : "Pictures are made by the machine that serves this page, and kept nowhere.";
  $("limits").textContent = [local && `up to ${megapixels(site.browserPixels)} in the browser`,
    site.server && `up to ${megapixels(site.uploadPixels)} by the server`].filter(Boolean).join(", ");
  $("version").textContent = `img2img ${site.version}${local ? ", ONNX Runtime Web (MIT)" : ""}`;
}

listModels();
listen();
introduce();
choose();
document.body.dataset.ready = "1";
