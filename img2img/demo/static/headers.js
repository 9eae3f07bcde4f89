// What the first bytes of a file say that a browser does not: depth, channels, the colour profile.

const HEAD = 4 * 1024 * 1024;

/** {kind, depth, channels, palette, profile}; what is not known is left out. `profile` is an ICC profile's bytes. */
export async function inspect(file) {
  const bytes = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const view = new DataView(bytes.buffer);
  try {
    if (view.getUint32(0) === 0x89504e47) return await png(bytes, view);
    if (view.getUint16(0) === 0xffd8) return jpeg(bytes, view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;  // cut short: the decoder will say so
  }
  return {kind: "other"};
}

async function png(bytes, view) {
  const colour = bytes[25];
  const found = {kind: "png", depth: bytes[24], palette: colour === 3, channels: colour === 0 || colour === 4 ? 1 : 3};
  for (let place = 8; place + 12 <= bytes.length;) {
    const length = view.getUint32(place), name = String.fromCharCode(...bytes.subarray(place + 4, place + 8));
    if (name === "IDAT") break;
    if (name === "iCCP") {
      const data = bytes.subarray(place + 8, place + 8 + length);
      const packed = new Blob([data.subarray(data.indexOf(0) + 2)]);
      const stream = packed.stream().pipeThrough(new DecompressionStream("deflate"));
      found.profile = await new Response(stream).arrayBuffer().then((all) => new Uint8Array(all), () => undefined);
    }
    place += length + 12;
  }
  return found;
}

function jpeg(bytes, view) {
  const found = {kind: "jpeg", depth: 8}, parts = [];
  for (let place = 2; place + 4 <= bytes.length;) {
    if (bytes[place] !== 0xff) break;
    const marker = bytes[place + 1], length = view.getUint16(place + 2);
    if (marker === 0xda) break;
    const frame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (frame) [found.depth, found.channels] = [bytes[place + 4], bytes[place + 9]];
    const said = String.fromCharCode(...bytes.subarray(place + 4, place + 15));
    if (marker === 0xe2 && said === "ICC_PROFILE") parts.push(bytes.subarray(place + 18, place + 2 + length));
    place += length + 2;
  }
  if (parts.length) found.profile = joinedBytes(parts);
  return found;
}

export function joinedBytes(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let place = 0;
  for (const part of parts) {
    all.set(part, place);
    place += part.length;
  }
  return all;
}
