// A colour profile into a PNG that a canvas wrote without one.

import {joinedBytes} from "./headers.js";

const TABLE = Uint32Array.from({length: 256}, (_, value) => {
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const number = (value) => Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);

/** The PNG with the profile behind its header, which is 8 + 25 bytes long. */
export async function withProfile(blob, profile) {
  const packed = new Blob([profile]).stream().pipeThrough(new CompressionStream("deflate"));
  const data = new Uint8Array(await new Response(packed).arrayBuffer());
  const body = joinedBytes([new TextEncoder().encode("iCCPicc\0\0"), data]);
  const chunk = joinedBytes([number(body.length - 4), body, number(crc(body))]);
  return new Blob([blob.slice(0, 33), chunk, blob.slice(33)], {type: "image/png"});
}
