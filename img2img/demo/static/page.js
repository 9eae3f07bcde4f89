// The page: which photo, which model, where it is computed, and what is shown of it.

import {inspect} from "./headers.js";

const $ = (id) => document.getElementById(id);
const megapixels = (count) => `${(count / 1e6).toFixed(count < 9.95e6 ? 1 : 0)} MP`;

let site = null;
let photo = null;  // {file, head, url, width, height}; width is 0 where the browser cannot read it
let worker = null;
let stop = null;  // ends what runs, if anything does
let saved = null;  // address of the result

const model = () => site.models.find((one) => one.name === document.querySelector("#models :checked")?.value);

function notice(text, bad = false) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  $("notice").classList.toggle("bad", bad);
}

function step(text, count = null, of = 1) {
  $("work").hidden = !text;
  $("step").textContent = text;
  if (count === null) $("progress").removeAttribute("value");
  else $("progress").value = count / of;
}

/** Why the browser should not compute it; empty where it can. `must` where nothing is had of it at all. */
function objection(chosen) {
  const limit = chosen.whole ? site.wholePixels : site.browserPixels;
  const pixels = photo.width * photo.height;
  if (!pixels) return {must: true, why: "the browser cannot read this kind of file"};
  if (pixels > limit) return {must: true, why: `${megapixels(pixels)} are more than the browser is given (${megapixels(limit)})`};
  if (photo.head.depth > 8) return {must: false, why: "the browser would keep 8 of its 16 bits"};
  if (photo.head.kind === "jpeg" && photo.head.channels === 4) return {must: false, why: "browsers convert CMYK each in its own way"};
  return {must: false, why: ""};
}

async function start() {
  stop?.();
  const chosen = model();
  if (!photo || !chosen) return;
  notice("");
  $("result").hidden = true;
  if (!chosen.browser) return onServer(chosen, "");
  const {must, why} = objection(chosen);
  if (why && site.server) return onServer(chosen, why);
  if (must) {
    finished();
    return notice(`This photo cannot be translated here: ${why}. A smaller one, as JPEG or PNG, can.`, true);
  }
  inBrowser(chosen, why && `${why[0].toUpperCase()}${why.slice(1)}.`);
}

function inBrowser(chosen, note) {
  worker ??= new Worker("worker.js", {type: "module"});
  step("Getting the model ready");
  const fallBack = (why) => {
    if (site.server) return onServer(chosen, why);
    finished();
    notice(`This failed in the browser: ${why}. A smaller photo may help.`, true);
  };
  const end = () => {
    worker?.terminate();
    worker = null;
    finished();
  };
  stop = end;
  worker.onerror = (event) => {
    end();
    fallBack(event.message || "its worker could not start");
  };
  worker.onmessage = ({data}) => {
    if (data.kind === "progress") step(`${data.count} of ${data.of} tiles`, data.count, data.of);
    else if (data.kind === "refused") fallBack(data.reason);
    else if (data.kind === "failed") {
      end();
      fallBack(data.reason);
    } else {
      const threads = `${data.threads} thread${data.threads > 1 ? "s" : ""}`;
      show(data.blob, `${data.seconds.toFixed(1)} s in the browser, ${threads}`, note);
    }
  };
  const {file, head} = photo;
  step("Translating in the browser");
  worker.postMessage({file, head, model: chosen, limit: site.tilePixels, strict: site.server});
}

async function onServer(chosen, why) {
  const pixels = photo.width * photo.height;
  const said = why ? `Translated by the server: ${why}.` : "";
  if (pixels > site.uploadPixels) {
    finished();
    return notice(`${megapixels(pixels)} are more than is taken (${megapixels(site.uploadPixels)}): use img2img infer.`, true);
  }
  notice(said);
  step("Translating on the server");
  const abort = new AbortController(), began = performance.now();
  stop = () => {
    abort.abort();
    finished();
  };
  try {
    const address = `translate?model=${encodeURIComponent(chosen.name)}`;
    const answer = await fetch(address, {method: "POST", body: photo.file, signal: abort.signal});
    if (!answer.ok) throw new Error((await answer.text()).trim() || `the server answered ${answer.status}`);
    const blob = await answer.blob();
    const notes = JSON.parse(decodeURIComponent(answer.headers.get("X-Notes") ?? "%5B%5D"));
    if (abort.signal.aborted) return;
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    show(blob, `${seconds} s on the server`, [said, ...notes.map((note) => `${note}.`)].filter(Boolean).join(" "));
  } catch (error) {
    if (abort.signal.aborted) return;
    finished();
    const lost = error instanceof TypeError ? "the server does not answer: is img2img demo still running?" : error.message;
    notice(`Not translated: ${lost}`, true);
  }
}

function finished() {
  stop = null;
  step("");
}

/** Sets `stop` for something that only has to be forgotten; tells whether that has happened. */
function forgettable() {
  let forgotten = false;
  stop = () => {
    forgotten = true;
    finished();
  };
  return () => forgotten;
}

async function show(blob, facts, note) {
  const forgotten = forgettable();
  if (saved) URL.revokeObjectURL(saved);
  saved = URL.createObjectURL(blob);
  $("before").src = photo.url;
  $("after").src = saved;
  const [, shown] = await Promise.allSettled([$("before").decode(), $("after").decode()]);
  if (forgotten()) return;
  finished();
  notice(shown.status === "fulfilled" ? note : "The result is too large to be shown; it can be saved.");
  const {naturalWidth: width, naturalHeight: height} = $("after");
  $("stage").classList.toggle("alone", !photo.width);
  $("save").href = saved;
  $("save").download = `${photo.file.name.replace(/\.[^.]*$/, "") || "photo"}-${model().name}.png`;
  $("facts").textContent = `${width} × ${height}, ${facts}`;
  $("drop").hidden = true;
  $("result").hidden = false;
}

async function take(file) {
  if (!file || !site) return;
  stop?.();
  if (photo) URL.revokeObjectURL(photo.url);
  photo = null;
  $("result").hidden = true;
  $("drop").classList.add("small");
  notice("");
  step("Reading the photo");
  const forgotten = forgettable();
  const url = URL.createObjectURL(file), image = new Image();
  image.src = url;
  const [read, head] = await Promise.all([image.decode().then(() => true, () => false), inspect(file)]);
  if (forgotten()) return URL.revokeObjectURL(url);
  photo = {file, url, head, width: read ? image.naturalWidth : 0, height: read ? image.naturalHeight : 0};
  start();
}

function another() {
  stop?.();
  $("result").hidden = true;
  $("drop").hidden = false;
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
  $("models").addEventListener("change", start);
}

function listen() {
  $("file").addEventListener("change", () => take($("file").files[0]));
  $("cancel").addEventListener("click", () => {
    stop?.();
    notice("Cancelled.");
    $("drop").hidden = false;
  });
  $("another").addEventListener("click", another);
  $("slider").addEventListener("input", () => $("stage").style.setProperty("--cut", `${$("slider").value}%`));
  $("size").addEventListener("click", () => {
    $("size").setAttribute("aria-pressed", $("frame").classList.toggle("full"));
    $("size").textContent = $("frame").classList.contains("full") ? "Fit" : "Full size";
  });
  addEventListener("paste", (event) => take(event.clipboardData.files[0]));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", () => document.body.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
}

site = await (await fetch("demo.json")).json();
listModels();
listen();
const local = site.models.some((one) => one.browser);
const away = site.server ? "the machine that serves this page" : "";
$("where").textContent = local
  ? "Photos are translated in your browser and stay on your machine."
  : `Photos are translated by ${away}, and kept nowhere.`;
const most = [local && `up to ${megapixels(site.browserPixels)} in the browser`,
  site.server && `up to ${megapixels(site.uploadPixels)} by the server`].filter(Boolean).join(", ");
$("limits").textContent = most;
$("version").textContent = `img2img ${site.version}${local ? ", ONNX Runtime Web (MIT)" : ""}`;
document.body.dataset.ready = "1";
