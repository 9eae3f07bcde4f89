// z as img2img draws it: sample n of a training's seed, and the way between two of them.

const SIZE = 624, MIDDLE = 397;

/** The Mersenne twister of Matsumoto and Nishimura 1998 (MT19937): a function that gives its next 32 bits. */
export function twister(seed) {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let at = 1; at < SIZE; at++) {
    const before = state[at - 1] ^ (state[at - 1] >>> 30);
    state[at] = Math.imul(1812433253, before) + at;
  }
  let place = SIZE;
  const turn = () => {
    for (let at = 0; at < SIZE; at++) {
      const bits = (state[at] & 0x80000000) | (state[(at + 1) % SIZE] & 0x7fffffff);
      state[at] = state[(at + MIDDLE) % SIZE] ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0);
    }
    place = 0;
  };
  return () => {
    if (place === SIZE) turn();
    let bits = state[place++];
    bits ^= bits >>> 11;
    bits ^= (bits << 7) & 0x9d2c5680;
    bits ^= (bits << 15) & 0xefc60000;
    return (bits ^ (bits >>> 18)) >>> 0;
  };
}

/** z of sample `number`: its row of the numbers that torch draws in [0, 1), 24 bits each. */
export function drawn({generator, latent, normal}, number) {
  const next = twister(generator);
  for (let skipped = 0; skipped < number * latent; skipped++) next();
  return Float32Array.from({length: latent}, () => {
    const uniform = (next() & 0xffffff) / 0x1000000 * 2 - 1;
    return normal ? Math.SQRT2 * inverseErf(Math.min(1 - 1e-6, Math.max(-1 + 1e-6, uniform))) : uniform;
  });
}

// Giles 2010, "Approximating the erfinv function", single precision: by the highest power first
const NEAR = [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
  -0.00417768164, 0.246640727, 1.50140941];
const FAR = [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
  0.00943887047, 1.00167406, 2.83297682];

function inverseErf(value) {
  const wide = -Math.log((1 - value) * (1 + value));
  const [powers, at] = wide < 5 ? [NEAR, wide - 2.5] : [FAR, Math.sqrt(wide) - 3];
  return powers.reduce((sum, power) => sum * at + power) * value;
}

/** From z to z in equal parts of the angle between them (White 2016); where they lie on one line, of that line. */
export function between(first, last, part) {
  const dot = (one, other) => one.reduce((sum, value, at) => sum + value * other[at], 0);
  const lengths = Math.sqrt(dot(first, first) * dot(last, last));
  const angle = Math.acos(Math.min(1, Math.max(-1, dot(first, last) / Math.max(lengths, 1e-12))));
  const [from, to] = Math.sin(angle) < 1e-6
    ? [1 - part, part]
    : [Math.sin((1 - part) * angle) / Math.sin(angle), Math.sin(part * angle) / Math.sin(angle)];
  return first.map((value, at) => from * value + to * last[at]);
}
