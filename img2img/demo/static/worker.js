// One picture, or some z, after the other through one model, away from the page: it can be ended at any moment.

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

/** Part of a mask of a picture so wide, as numbers. */
function maskPart(values, pictureWidth, top, bottom, left, right) {
  const width = right - left, part = new Float32Array((bottom - top) * width);
  for (let row = top; row < bottom; row++) {
    part.set(values.subarray(row * pictureWidth + left, row * pictureWidth + right), (row - top) * width);
  }
  return part;
}

/** Planes that the network makes of its inputs. */
async function forward(network, inputs) {
  const {result} = await network.run(inputs);
  const values = Float32Array.from(result.data), [, , height, width] = result.dims;
  result.dispose();
  if (values.some(Number.isNaN)) throw new Error("the network gave values that are no numbers");
  return {data: values, height, width};
}

async function translate({file, model, limit, head, strict, hole}) {
  const {canvas, context} = await decoded(file);
  const {width, height} = canvas;
  const {clear, grey} = head.kind === "jpeg" ? {clear: false, grey: false} : scanned(context, width, height);
  if (clear && strict) return postMessage({kind: "refused", reason: "the browser changes colours under transparency"});
  const oneGrey = head.channels === 1 || (head.palette && grey && !head.profile);
  const network = await session(model.name);
  const result = new OffscreenCanvas(width, height), drawn = result.getContext("2d", {willReadFrequently: true});

  const take = (top, bottom, left, right) => ({
    ...planes(context.getImageData(left, top, right - left, bottom - top)),
    mask: hole && maskPart(hole, width, top, bottom, left, right),
  });
  const put = (top, left, made) => {
    const size = made.height * made.width, target = context.getImageData(left, top, made.width, made.height);
    for (let at = 0; at < size; at++) {
      const values = [0, 1, 2].map((channel) => made.data[channel * size + at]);
      const mean = (values[0] + values[1] + values[2]) / 3;
      for (let channel = 0; channel < 3; channel++) target.data[4 * at + channel] = level(oneGrey ? mean : values[channel]);
    }
    drawn.putImageData(target, left, top);
  };
  const through = ({data, mask, height, width}) => forward(network, {
    image: new ort.Tensor("float32", data, [1, 3, height, width]),
    ...(mask && {mask: new ort.Tensor("float32", mask, [1, 1, height, width])}),
  });
  const began = performance.now();
  const done = (count, of) => postMessage({kind: "progress", count, of});
  await stream(layOut(model, height, width, limit), through, take, put, done);
  const seconds = (performance.now() - began) / 1000;
  let blob = await result.convertToBlob({type: "image/png"});
  if (head.profile) blob = await withProfile(blob, head.profile);
  postMessage({kind: "result", blob, seconds, threads: ort.env.wasm.numThreads});
}

/** The pictures of `count` z, one below the other; `place` is that of their class, where the model has classes. */
async function sample({model, numbers, count, place}) {
  const network = await session(model.name), classes = model.classes.length, began = performance.now();
  const z = new ort.Tensor("float32", numbers, [count, model.latent]);
  const rows = Float32Array.from({length: count * classes}, (_, at) => Number(at % classes === place));
  const {data, height, width} = await forward(
    network, {z, ...(classes && {classes: new ort.Tensor("float32", rows, [count, classes])})});
  const seconds = (performance.now() - began) / 1000;
  const size = height * width, channels = data.length / count / size, image = new ImageData(width, count * height);
  for (let at = 0; at < count * size; at++) {
    const start = Math.floor(at / size) * channels * size + (at % size);
    for (let channel = 0; channel < 3; channel++) image.data[4 * at + channel] = level(data[start + (channel % channels) * size]);
    image.data[4 * at + 3] = 255;
  }
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  postMessage({kind: "result", blob: await canvas.convertToBlob({type: "image/png"}), seconds, threads: ort.env.wasm.numThreads});
}

onmessage = ({data}) => (data.numbers ? sample(data) : translate(data)).catch((error) => {
  postMessage({kind: "failed", reason: String(error?.message ?? error).split("\n")[0]});
});
