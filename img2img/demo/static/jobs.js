// One job at a time: in the browser's worker, or on the server where the browser cannot.

import {megapixels, notice, site, step} from "./ui.js";

let worker = null;
let abort = null;  // ends what runs, if anything does

/** What a job that has been ended throws; nobody needs to be told. */
export class Ended extends Error {}

export function end() {
  abort?.abort();
  abort = null;
  step("");
}

/** What `work(signal)` gives, as the one job: what ran before is ended. Throws `Ended` if it is ended itself. */
export async function only(text, work) {
  end();
  const mine = new AbortController();
  abort = mine;
  if (text) step(text);
  try {
    const result = await work(mine.signal);
    if (mine.signal.aborted) throw new Ended();
    return result;
  } catch (error) {
    throw mine.signal.aborted ? new Ended() : error;
  } finally {
    if (abort === mine) {
      abort = null;
      step("");
    }
  }
}

/** What the worker answers; it is ended with the signal, and where it failed. */
function inWorker(message, signal) {
  worker ??= new Worker("worker.js", {type: "module"});
  return new Promise((resolve, reject) => {
    const fail = (reason) => {
      worker?.terminate();
      worker = null;
      reject(new Error(reason));
    };
    signal.addEventListener("abort", () => fail("ended"), {once: true});
    worker.onerror = (event) => fail(event.message || "its worker could not start");
    worker.onmessage = ({data}) => {
      if (data.kind === "progress") step(`${data.count} of ${data.of} tiles`, data.count, data.of);
      else if (data.kind === "refused") reject(new Error(data.reason));
      else if (data.kind === "failed") fail(data.reason);
      else resolve(data);
    };
    worker.postMessage(message);
  });
}

/** What the server answers: {blob, notes, seconds}. */
async function onServer(address, body, signal) {
  const began = performance.now();
  let answer;
  try {
    answer = await fetch(address, {method: "POST", body, signal});
  } catch (error) {
    throw signal.aborted ? error : new Error("the server does not answer: is img2img demo still running?");
  }
  if (!answer.ok) throw new Error((await answer.text()).trim() || `the server answered ${answer.status}`);
  const notes = JSON.parse(decodeURIComponent(answer.headers.get("X-Notes") ?? "%5B%5D"));
  return {blob: await answer.blob(), notes, seconds: (performance.now() - began) / 1000};
}

/** Why the browser should not translate it; empty where it can. `must` where nothing is had of it at all. */
function objection(model, photo) {
  const limit = model.whole ? site.wholePixels : site.browserPixels;
  const pixels = photo.width * photo.height;
  if (!pixels) return {must: true, why: "the browser cannot read this kind of file"};
  if (pixels > limit) return {must: true, why: `${megapixels(pixels)} are more than the browser is given (${megapixels(limit)})`};
  if (photo.head.depth > 8) return {must: false, why: "the browser would keep 8 of its 16 bits"};
  if (photo.head.kind === "jpeg" && photo.head.channels === 4) return {must: false, why: "browsers convert CMYK each in its own way"};
  return {must: false, why: ""};
}

/**
 * {blob, facts, note} of a photo {file, head, width, height}; `hole`, where there is one, is {values, file}: 1 inside
 * for each pixel, and the same as a PNG.
 */
export const translated = (model, photo, hole = null) => only("Translating in the browser", async (signal) => {
  const uploaded = (why) => translatedByServer(model, photo, hole, why, signal);
  if (!model.browser) return uploaded(site.models.some((one) => one.browser) ? "the browser cannot run this model" : "");
  const {must, why} = objection(model, photo);
  if (why && site.server) return uploaded(why);
  if (must) throw new Error(`This photo cannot be translated here: ${why}. A smaller one, as JPEG or PNG, can.`);
  try {
    const {file, head} = photo;
    const data = await inWorker(
      {file, head, hole: hole?.values, model, limit: site.tilePixels, strict: site.server}, signal);
    return {blob: data.blob, facts: inBrowser(data), note: why && `${why[0].toUpperCase()}${why.slice(1)}.`};
  } catch (error) {
    if (signal.aborted) throw error;
    if (site.server) return uploaded(error.message);
    throw new Error(`This failed in the browser: ${error.message}. A smaller photo may help.`);
  }
});

const duration = (seconds) => (seconds < 0.95 ? `${Math.ceil(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);

const inBrowser = ({seconds, threads}) =>
  `${duration(seconds)} in the browser, ${threads} thread${threads > 1 ? "s" : ""}`;

async function translatedByServer(model, photo, hole, why, signal) {
  const pixels = photo.width * photo.height, said = why ? `Translated by the server: ${why}.` : "";
  if (pixels > site.uploadPixels) {
    throw new Error(`${megapixels(pixels)} are more than is taken (${megapixels(site.uploadPixels)}): use img2img infer.`);
  }
  notice(said);
  step("Translating on the server");
  const mask = hole ? `&mask=${hole.file.size}` : "";
  const body = hole ? new Blob([photo.file, hole.file]) : photo.file;
  try {
    const answer = await onServer(`translate?model=${encodeURIComponent(model.name)}${mask}`, body, signal);
    const note = [said, ...answer.notes.map((one) => `${one}.`)].filter(Boolean).join(" ");
    return {blob: answer.blob, facts: `${duration(answer.seconds)} on the server`, note};
  } catch (error) {
    throw signal.aborted ? error : new Error(`Not translated: ${error.message}`);
  }
}

/** {blob, facts} of z (one after the other in `numbers`), of the class at this place, if there are any: a PNG of all. */
export const sampled = (model, numbers, place, text = "") => only(text, async (signal) => {
  if (model.browser) {
    const count = numbers.length / model.latent;
    const data = await inWorker({model, numbers, count, place}, signal);
    return {blob: data.blob, facts: inBrowser(data)};
  }
  const label = model.classes.length ? `&class=${model.classes[place]}` : "";
  const answer = await onServer(`samples?model=${encodeURIComponent(model.name)}${label}`, numbers.buffer, signal);
  return {blob: answer.blob, facts: `${duration(answer.seconds)} on the server`};
});
