// One picture after the other through one model, away from the page: it stays alive, and can be ended at any moment.

import * as ort from "./runtime/ort.wasm.bundle.min.mjs";
import {layOut, stream} from "./tiles.js";
import {withProfile} from "./png.js";

const THREADS = 8;
const sessions = new Map();

ort.env.wasm.wasmPaths = {wasm: new URL("runtime/ort-wasm-simd-threaded.wasm", import.meta.url).href};
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(THREADS, navigator.hardwareConcurrency || 1) : 1;
ort.env.logLevel = "error";

const session = (name) => {
  if (!sessions.has(name)) {
    const url = new URL(`models/${name}.onnx`, import.meta.url).href;
    // without an arena what a tile took is given back before the next one
    sessions.set(name, ort.InferenceSession.create(url, {executionProviders: ["wasm"], enableCpuMemArena: false}));
  }
  return sessions.get(name);
};

/** The picture's levels as they stand in the file, turned upright, on a canvas that is read from memory. */
async function decoded(file) {
  const bitmap = await createImageBitmap(
    file, {imageOrientation: "from-image", colorSpaceConversion: "none", premultiplyAlpha: "none"});
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return {canvas, context};
}

/** Whether any pixel is transparent, and whether all are grey. */
function scanned(context, width, height) {
  let clear = false, grey = true;
  for (let top = 0; top < height; top += 64) {
    const {data} = context.getImageData(0, top, width, Math.min(64, height - top));
    for (let at = 0; at < data.length; at += 4) {
      clear ||= data[at + 3] < 255;
      grey &&= data[at] === data[at + 1] && data[at] === data[at + 2];
    }
  }
  return {clear, grey};
}

function planes({data, height, width}) {
  const size = height * width, values = new Float32Array(3 * size);
  for (let at = 0; at < size; at++) {
    for (let channel = 0; channel < 3; channel++) values[channel * size + at] = data[4 * at + channel] / 255;
  }
  return {data: values, height, width};
}

const level = (value) => Math.min(255, Math.max(0, Math.floor(value * 255 + 0.5)));

async function run({file, model, limit, head, strict}) {
  const {canvas, context} = await decoded(file);
  const {width, height} = canvas;
  const {clear, grey} = head.kind === "jpeg" ? {clear: false, grey: false} : scanned(context, width, height);
  if (clear && strict) return postMessage({kind: "refused", reason: "the browser changes colours under transparency"});
  const oneGrey = head.channels === 1 || (head.palette && grey && !head.profile);
  const network = await session(model.name);
  const result = new OffscreenCanvas(width, height), drawn = result.getContext("2d", {willReadFrequently: true});

  const take = (top, bottom, left, right) => planes(context.getImageData(left, top, right - left, bottom - top));
  const put = (top, left, made) => {
    const size = made.height * made.width, target = context.getImageData(left, top, made.width, made.height);
    for (let at = 0; at < size; at++) {
      const values = [0, 1, 2].map((channel) => made.data[channel * size + at]);
      const mean = (values[0] + values[1] + values[2]) / 3;
      for (let channel = 0; channel < 3; channel++) target.data[4 * at + channel] = level(oneGrey ? mean : values[channel]);
    }
    drawn.putImageData(target, left, top);
  };
  const forward = async ({data, height, width}) => {
    const image = new ort.Tensor("float32", data, [1, 3, height, width]);
    const {result} = await network.run({image});
    const values = {data: Float32Array.from(result.data), height, width};
    result.dispose();
    if (values.data.some(Number.isNaN)) throw new Error("the network gave values that are no numbers");
    return values;
  };
  const began = performance.now();
  const done = (count, of) => postMessage({kind: "progress", count, of});
  await stream(layOut(model, height, width, limit), forward, take, put, done);
  const seconds = (performance.now() - began) / 1000;
  let blob = await result.convertToBlob({type: "image/png"});
  if (head.profile) blob = await withProfile(blob, head.profile);
  postMessage({kind: "result", blob, seconds, threads: ort.env.wasm.numThreads});
}

onmessage = ({data}) => run(data).catch((error) => {
  postMessage({kind: "failed", reason: String(error?.message ?? error).split("\n")[0]});
});
