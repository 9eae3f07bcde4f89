// Edges by Canny 1986 as img2img draws them for training (scikit-image's steps and thresholds), without a server.

const LOW = 0.1, HIGH = 0.2;

/** Grey levels [0, 1] of RGBA, by the weights of CIE luminance that scikit-image takes. */
export function luminance({data, width, height}) {
  const plane = new Float64Array(width * height);
  for (let at = 0; at < plane.length; at++) {
    plane[at] = (0.2125 * data[4 * at] + 0.7154 * data[4 * at + 1] + 0.0721 * data[4 * at + 2]) / 255;
  }
  return plane;
}

/** `plane` weighted along one axis by weights about their middle; `outside(at, length)` is what stands beyond it. */
function weighted(plane, width, height, weights, down, outside) {
  const result = new Float64Array(plane.length), half = (weights.length - 1) / 2;
  const length = down ? height : width, stride = down ? width : 1;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const at = row * width + column, along = down ? row : column, start = at - along * stride;
      let sum = 0;
      for (let place = -half; place <= half; place++) {
        const other = outside(along + place, length);
        if (other >= 0) sum += weights[place + half] * plane[start + other * stride];
      }
      result[at] = sum;
    }
  }
  return result;
}

const nothing = (at, length) => (at < length ? at : -1);
const mirrored = (at, length) => (at < 0 ? -at - 1 : at >= length ? 2 * length - at - 1 : at);

/** Blurred by a Gaussian that is cut at four times its width; what is beyond the border has no weight. */
function blurred(plane, width, height, sigma) {
  const half = Math.floor(4 * sigma + 0.5);
  const bell = Float64Array.from({length: 2 * half + 1}, (_, at) => Math.exp(-((at - half) ** 2) / (2 * sigma * sigma)));
  const total = bell.reduce((sum, value) => sum + value, 0), weights = bell.map((value) => value / total);
  const both = (values) => weighted(weighted(values, width, height, weights, true, nothing), width, height, weights, false, nothing);
  const shares = both(new Float64Array(plane.length).fill(1));
  return both(plane).map((value, at) => value / (shares[at] + Number.EPSILON));
}

/** Magnitudes of gradients where none of both neighbours along the gradient is larger, 0 elsewhere. */
function ridges(down, across, strength, width, height) {
  const result = new Float64Array(strength.length);
  for (let row = 1; row < height - 1; row++) {
    for (let column = 1; column < width - 1; column++) {
      const at = row * width + column, here = strength[at];
      if (here < LOW) continue;
      const steep = Math.abs(down[at]), wide = Math.abs(across[at]);
      // towards the right; downwards where both gradients have one sign
      const slope = (down[at] > 0) === (across[at] > 0) ? width : -width;
      const straight = steep > wide ? slope : 1, share = Math.min(steep, wide) / Math.max(steep, wide);
      const ahead = strength[at + slope + 1] * share + strength[at + straight] * (1 - share);
      const behind = strength[at - slope - 1] * share + strength[at - straight] * (1 - share);
      if (ahead <= here && behind <= here) result[at] = here;
    }
  }
  return result;
}

/** 1 on edges: all that hangs together with a strong one. */
function joined(ridge, width) {
  const edges = new Uint8Array(ridge.length), open = [];
  const add = (at) => {
    edges[at] = 1;
    open.push(at);
  };
  ridge.forEach((value, at) => value >= HIGH && add(at));
  while (open.length) {
    const at = open.pop();
    for (const line of [-width, 0, width]) {
      for (const side of [-1, 0, 1]) {
        if (ridge[at + line + side] > 0 && !edges[at + line + side]) add(at + line + side);
      }
    }
  }
  return edges;
}

/** 1 on the edges of an image (ImageData), 0 elsewhere; `sigma` px is the blur before they are looked for. */
export function canny(image, sigma) {
  const {width, height} = image, smooth = blurred(luminance(image), width, height, sigma);
  const slope = [-1, 0, 1], mean = [1, 2, 1];
  const gradient = (first, second) =>
    weighted(weighted(smooth, width, height, first, true, mirrored), width, height, second, false, mirrored);
  const down = gradient(slope, mean), across = gradient(mean, slope);
  const strength = down.map((value, at) => Math.hypot(value, across[at]));
  return joined(ridges(down, across, strength, width, height), width);
}

/** Whether an image is itself lines on white: grey, and nearly all of it white or black. */
export function isDrawing({data}) {
  let plain = 0, white = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (Math.max(data[at], data[at + 1], data[at + 2]) - Math.min(data[at], data[at + 1], data[at + 2]) > 24) return false;
    white += data[at] > 224;
    plain += data[at] > 224 || data[at] < 64;
  }
  return white > 0.6 * (data.length / 4) && plain > 0.85 * (data.length / 4);
}
