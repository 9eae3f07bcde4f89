// A canvas that is drawn on with mouse, pen or finger: strokes, each of which can be taken back.

const STRIP = 256;

export class Easel {
  /** `changed()` is called after each stroke; `size()` gives the pen's width in the canvas's pixels, `erases()` which pen. */
  constructor(canvas, {changed, size, erases}) {
    Object.assign(this, {canvas, changed, size, erases, done: [], stroke: null});
    this.context = canvas.getContext("2d", {willReadFrequently: true});
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.go(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => this.finish());
  }

  /** A new ground (a colour, or null for none) of this size; strokes are of `colour`. */
  reset(width, height, colour, ground) {
    Object.assign(this.canvas, {width, height});
    Object.assign(this, {colour, ground, done: [], stroke: null});
    this.redraw();
  }

  get empty() {
    const cleared = this.done.findLastIndex((one) => one.clears);
    return this.done.slice(cleared + 1).every((one) => one.erases);
  }

  clear() {
    this.add({clears: true});
  }

  /** A picture of the canvas's size in place of all that is there. */
  put(picture) {
    this.add({clears: true, picture});
  }

  undo() {
    if (!this.done.pop()) return;
    this.redraw();
    this.changed();
  }

  add(one) {
    this.done.push(one);
    this.redraw();
    this.changed();
  }

  redraw() {
    const {width, height} = this.canvas;
    const first = this.done.findLastIndex((one) => one.clears);
    this.context.clearRect(0, 0, width, height);
    if (this.ground) {
      this.context.fillStyle = this.ground;
      this.context.fillRect(0, 0, width, height);
    }
    const picture = this.done[first]?.picture;
    if (picture) this.context.drawImage(picture, 0, 0);
    for (const stroke of this.done.slice(first + 1)) this.draw(stroke, 0);
  }

  /** The part of a stroke from a point of it on. */
  draw({points, size, erases}, from) {
    const pen = this.context;
    pen.save();
    if (erases && !this.ground) pen.globalCompositeOperation = "destination-out";
    pen.strokeStyle = erases ? this.ground ?? "#000" : this.colour;
    Object.assign(pen, {lineWidth: size, lineCap: "round", lineJoin: "round"});
    pen.beginPath();
    pen.moveTo(...points[Math.max(0, from - 1)]);
    for (const point of points.slice(from)) pen.lineTo(...point);
    pen.stroke();
    pen.restore();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * this.canvas.width / box.width,
      (event.clientY - box.top) * this.canvas.height / box.height];
  }

  begin(event) {
    if (event.button !== 0 || this.stroke) return;
    event.preventDefault();
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = {points: [this.place(event)], size: this.size(), erases: this.erases(), pointer: event.pointerId};
    this.draw(this.stroke, 0);
  }

  go(event) {
    if (event.pointerId !== this.stroke?.pointer) return;
    const from = this.stroke.points.length, all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) this.stroke.points.push(this.place(one));
    this.draw(this.stroke, from);
  }

  finish() {
    if (!this.stroke) return;
    const stroke = this.stroke;
    this.stroke = null;
    this.done.push(stroke);
    this.changed();
  }

  /** What is drawn as a PNG. */
  file() {
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }

  /** Where something is drawn: {values: 1 there and 0 elsewhere for each pixel, file: the same as a PNG, white there}. */
  async mask() {
    const {width, height} = this.canvas, values = new Uint8Array(width * height);
    const sheet = new OffscreenCanvas(width, height), drawn = sheet.getContext("2d");
    for (let top = 0; top < height; top += STRIP) {
      const strip = this.context.getImageData(0, top, width, Math.min(STRIP, height - top));
      for (let at = 0; at < strip.data.length; at += 4) {
        const inside = strip.data[at + 3] > 127;
        values[top * width + at / 4] = Number(inside);
        strip.data.fill(inside ? 255 : 0, at, at + 3);
        strip.data[at + 3] = 255;
      }
      drawn.putImageData(strip, 0, top);
    }
    return {values, file: await sheet.convertToBlob({type: "image/png"})};
  }
}
