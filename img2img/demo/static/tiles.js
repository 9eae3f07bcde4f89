// How a picture is cut into overlapping tiles, and how those are joined: img2img/inference/tiles.py, line by line.

const roundUp = (value, multiple) => Math.ceil(value / multiple) * multiple;

class Axis {
  constructor(length, model) {
    this.length = length;
    this.multiple = model.multiple;
    this.margin = model.margin;
    this.overlap = roundUp(2 * model.margin + model.blend, model.multiple);
    this.shared = this.overlap - 2 * model.margin;
    this.whole = roundUp(Math.max(length, model.minimum), model.multiple);
    this.smallest = Math.max(
      roundUp(model.minimum, model.multiple), roundUp(this.shared, model.multiple) + this.overlap);
  }

  count(side) {
    return side >= this.length ? 1 : 1 + Math.ceil((this.length - side) / (side - this.overlap));
  }

  side(count) {
    if (count === 1) return this.whole;
    const inner = Math.ceil((this.length - this.overlap) / count);
    return Math.max(this.smallest, roundUp(inner, this.multiple) + this.overlap);
  }

  spans(side) {
    const count = this.count(side);
    return Array.from({length: count}, (_, number) => {
      const start = number * (side - this.overlap);
      const first = number === 0, last = number === count - 1;
      const stop = last ? this.length : start + side;
      return {
        start, stop, first: first ? start : start + this.margin, last: last ? stop : stop - this.margin,
        head: first ? 0 : this.shared, tail: last ? 0 : this.shared,
      };
    });
  }
}

/** Height and width of tiles of at most `limit` pixels of which the fewest pixels are computed in all. */
function sides(down, across, limit) {
  let best = [Math.min(down.whole, down.smallest), Math.min(across.whole, across.smallest)];
  if (best[0] * best[1] > limit) return best;
  let least = Infinity;
  const fewest = down.count(Math.floor(Math.floor(limit / best[1]) / down.multiple) * down.multiple);
  const most = down.count(best[0]);
  for (let count = fewest; count <= most; count++) {
    const height = Math.min(down.whole, down.side(count));
    const widest = Math.floor(Math.floor(limit / height) / across.multiple) * across.multiple;
    const width = Math.min(across.whole, across.side(across.count(widest)));
    const computed = down.count(height) * height * across.count(width) * width;
    if (height * width <= limit && computed < least) [best, least] = [[height, width], computed];
    if (width === across.whole) break;
  }
  return best;
}

/** Rows and columns of the tiles of a picture, of at most `limit` pixels each; `model.whole` is not cut. */
export function layOut(model, height, width, limit) {
  const down = new Axis(height, model), across = new Axis(width, model);
  const [tall, wide] = model.whole ? [down.whole, across.whole] : sides(down, across, limit);
  return {rows: down.spans(tall), columns: across.spans(wide)};
}

/** Part of planes {data, height, width}, three of them, each row after row. */
function cut(planes, top, bottom, left, right) {
  const height = bottom - top, width = right - left;
  const data = new Float32Array(3 * height * width);
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < height; row++) {
      const start = (channel * planes.height + top + row) * planes.width;
      data.set(planes.data.subarray(start + left, start + right), (channel * height + row) * width);
    }
  }
  return {data, height, width};
}

/** `made` with its share of the tile before (left of it, or with `down` above) added, that of the tile after cut off. */
function joined(made, span, before, down) {
  let after = null;
  if (span.tail) {
    const end = (down ? made.height : made.width) - span.tail;
    after = down ? cut(made, end, made.height, 0, made.width) : cut(made, 0, made.height, end, made.width);
    made = down ? cut(made, 0, end, 0, made.width) : cut(made, 0, made.height, 0, end);
  }
  if (span.head && before) {
    for (let channel = 0; channel < 3; channel++) {
      for (let row = 0; row < before.height; row++) {
        for (let column = 0; column < before.width; column++) {
          const share = ((down ? row : column) + 1) / (span.head + 1);
          const at = (channel * made.height + row) * made.width + column;
          const old = before.data[(channel * before.height + row) * before.width + column];
          made.data[at] = old + share * (made.data[at] - old);
        }
      }
    }
  }
  return [made, after];
}

/**
 * A picture through a network tile by tile. Planes are {data: Float32Array of 3 x height x width, height, width}.
 * `network(planes)` promises planes of the same size, `take(top, bottom, left, right)` gives planes, `put(top, left,
 * planes)` receives each finished pixel once, `done(count, of)` is told of progress.
 */
export async function stream({rows, columns}, network, take, put, done) {
  const below = columns.map(() => null);
  let count = 0;
  for (const row of rows) {
    let right = null;
    for (const [place, column] of columns.entries()) {
      const whole = await network(take(row.start, row.stop, column.start, column.stop));
      let made = cut(whole, row.first - row.start, row.last - row.start,
        column.first - column.start, column.last - column.start);
      [made, right] = joined(made, column, right, false);
      [made, below[place]] = joined(made, row, below[place], true);
      put(row.first, column.first, made);
      done(++count, rows.length * columns.length);
    }
  }
}
