// The plot: one mark a method and image.
const svg = $("plot");
const draw = (tag, attributes, ...inside) => {
  const node = document.createElementNS(svg.namespaceURI, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...inside);
  return node;
};
const colour = (index) => `var(--c${index % 8})`;
const MARKS = [
  (x, y) => `M${x - 3} ${y}a3 3 0 1 0 6 0a3 3 0 1 0 -6 0`,
  (x, y) => `M${x - 3} ${y - 3}h6v6h-6z`,
  (x, y) => `M${x} ${y - 4}l4 7h-8z`,
  (x, y) => `M${x} ${y - 4}l4 4l-4 4l-4 -4z`,
  (x, y) => `M${x} ${y + 4}l4 -7h-8z`,
];
const mark = (index, x, y) => MARKS[index % MARKS.length](Math.round(x * 10) / 10, Math.round(y * 10) / 10);
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 12, 10, 34];
let drawn = null;

function plot(order) {
  const metric = sortedBy();
  const along = state.sort === "name" ? "name" : `${metric.title} of ${state.method}, ${state.order} first`;
  $("plot-title").textContent = `${heading(metric)} of each image, by ${along}`;
  const [width, height] = [svg.clientWidth || 900, svg.clientHeight || 272];
  const all = rows.map((row) => order.map((shot) => valueOf(shot, row, metric)));
  const finite = all.flat().filter(Number.isFinite);
  drawn = {order, metric, gap: (width - LEFT - RIGHT) / order.length};
  const parts = [];
  if (finite.length) {
    const scale = scaleOf(finite, height);
    parts.push(...ticks(scale, width), ...series(all, scale.y));
  }
  const direction = `${state.order} to ${state.order === "worst" ? "best" : "worst"}`;
  const ordered = state.sort === "name" ? "in the order of their names" : direction;
  parts.push(draw("text", {x: (LEFT + width - RIGHT) / 2, y: height - 8, "text-anchor": "middle"},
    `${counted(order.length)}, ${ordered}`));
  drawn.line = draw("line", {class: "here", y1: TOP, y2: height - BOTTOM, visibility: "hidden"});
  svg.replaceChildren(...parts, drawn.line);
  $("legend").replaceChildren(...rows.map(legendEntry));
  const [total, missing] = [all.flat().length, all.flat().length - finite.length];
  drawn.rest = "Point at the plot to name an image; a click goes to it."
    + (missing ? ` Left out, since infinite or undefined: ${missing} of ${total} values.` : "");
  $("hint").textContent = drawn.rest;
}

/** The range of finite values with a margin, the step between round ticks in it, and the height of a value. */
function scaleOf(finite, height) {
  const [low, high] = finite.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const spread = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(spread / 5));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= spread / 5);
  const [floor, ceiling] = [low - spread / 20, high + spread / 20];
  const y = (value) => TOP + ((ceiling - value) / (ceiling - floor)) * (height - TOP - BOTTOM);
  return {floor, ceiling, step, y};
}

function ticks({floor, ceiling, step, y}, width) {
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const parts = [];
  for (let tick = Math.ceil(floor / step); tick * step <= ceiling; tick++) {
    const value = tick * step;
    parts.push(draw("line", {class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value)}));
    parts.push(draw("text", {x: LEFT - 8, y: y(value) + 4, "text-anchor": "end"}, spell(value, digits)));
  }
  return parts;
}

/** Marks of each row of `all` values; the chosen method's are joined by a line and lie on top. */
function series(all, y) {
  const chosen = rows.indexOf(state.method);
  const many = drawn.order.length > 200;
  const parts = [];
  for (const index of [...rows.keys()].sort((a, b) => (a === chosen) - (b === chosen) || a - b)) {
    const points = all[index].map((value, at) => [LEFT + (at + 0.5) * drawn.gap, value])
      .filter(([, value]) => Number.isFinite(value)).map(([x, value]) => [x, y(value)]);
    if (index === chosen && points.length) {
      const line = "M" + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L");
      parts.push(draw("path", {d: line, fill: "none", stroke: colour(index), "stroke-width": many ? 3 : 1.5}));
      if (many) continue;
    }
    const opacity = index === chosen ? 1 : many ? 0.35 : 0.65;
    parts.push(draw("path", {d: points.map(([a, b]) => mark(index, a, b)).join(""), fill: colour(index), opacity}));
  }
  return parts;
}

function legendEntry(row, index) {
  const key = draw("svg", {viewBox: "-7 -7 14 14", "aria-hidden": "true"});
  key.append(draw("path", {d: mark(index, 0, 0), fill: colour(index)}));
  return make("span", {}, key, row);
}

/** The number of the image an event points at, in the order drawn. */
function pointed(event) {
  const at = Math.floor((event.clientX - svg.getBoundingClientRect().left - LEFT) / drawn.gap);
  return Math.min(drawn.order.length - 1, Math.max(0, at));
}
svg.addEventListener("pointermove", (event) => {
  const at = pointed(event);
  const shot = drawn.order[at];
  if (!shot) return;
  const x = LEFT + (at + 0.5) * drawn.gap;
  for (const key of ["x1", "x2"]) drawn.line.setAttribute(key, x);
  drawn.line.setAttribute("visibility", "visible");
  const values = rows.map((row) => `${row} ${spell(valueOf(shot, row, drawn.metric), drawn.metric.digits)}`);
  $("hint").textContent = `${shot.name} (${at + 1} of ${drawn.order.length}): ${values.join(" · ")}`;
});
svg.addEventListener("pointerleave", () => {
  drawn.line.setAttribute("visibility", "hidden");
  $("hint").textContent = drawn.rest;
});
svg.addEventListener("click", (event) => drawn.order.length && goTo(drawn.order[pointed(event)]));
