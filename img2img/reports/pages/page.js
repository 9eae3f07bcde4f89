"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const {rows, base, metrics, shots, labels} = data;
const $ = (id) => document.getElementById(id);
const make = (tag, more = {}, ...inside) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(more)) {
    if (key in node) node[key] = value; else node.setAttribute(key, value);
  }
  node.append(...inside);
  return node;
};
const options = (select, pairs) => select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));

// values: numbers travel as they are, infinite ones as words, undefined ones as null
const number = (value) => (value === null ? NaN : Number(value));
for (const shot of shots) shot.values = shot.values.map((row) => row.map(number));
const spell = (value, digits) => {
  if (Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return value.toFixed(digits).replace("-", "−");
};
const arrow = (metric) => (metric.up ? "↑" : "↓");
const heading = (metric) => `${metric.title}${metric.unit ? ` (${metric.unit})` : ""} ${arrow(metric)}`;

// what is shown: in the address after #, so that a view can be linked
const last = rows[rows.length - 1];
const sideOf = (row) => (row === base ? ":source" : row);
const firstSide = labels.some(([key]) => key === ":source") ? ":source" : ":target";
const sorts = [...metrics.map((metric) => metric.name), "name"];
const state = {};
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const one = (key, known, otherwise) => (known.includes(given.get(key)) ? given.get(key) : otherwise);
  const sides = labels.map(([key]) => key);
  state.method = one("method", rows, last);
  state.sort = one("sort", sorts, sorts[0]);
  state.order = one("order", ["worst", "best"], "worst");
  state.before = one("before", sides, firstSide);
  state.after = one("after", sides, sideOf(state.method));
  state.find = given.get("find") || "";
}
function writeAddress() {
  const {method, sort, order, before, after, find} = state;
  const kept = {sort, method, order};
  if (before !== firstSide) kept.before = before;
  if (after !== sideOf(method)) kept.after = after;
  if (find) kept.find = find;
  history.replaceState(null, "", "#" + new URLSearchParams(kept));
}

const valueOf = (shot, row, metric) => shot.values[rows.indexOf(row)][metrics.indexOf(metric)];
const reasonOf = (shot, row, metric) => shot.reasons[rows.indexOf(row)]?.[metrics.indexOf(metric)] || "";
function gainOf(shot, row, metric) {
  return base === null || row === base ? NaN : valueOf(shot, row, metric) - valueOf(shot, base, metric);
}

const names = new Intl.Collator("en", {numeric: true});
/** Shots in the wanted order; undefined values last whichever way; equal ones as they came. */
function sorted() {
  const metric = metrics.find(({name}) => name === state.sort);
  const turn = state.order === "worst" ? 1 : -1;
  if (!metric) return [...shots].sort((one, other) => turn * names.compare(one.name, other.name));
  const sign = metric.up ? turn : -turn;
  return [...shots].sort((one, other) => {
    const [a, b] = [valueOf(one, state.method, metric), valueOf(other, state.method, metric)];
    if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return a === b ? 0 : sign * (a < b ? -1 : 1);
  });
}

const sortedBy = () => metrics.find(({name}) => name === state.sort) || metrics[0];
/** Figures, the difference to the input beside those of `compared` metrics; or why there is none. */
function cells(shot, row, columns, compared) {
  return columns.map((metric) => {
    const value = valueOf(shot, row, metric);
    const cell = make("td", {}, spell(value, metric.digits));
    if (Number.isNaN(value)) cell.append(make("small", {}, reasonOf(shot, row, metric)));
    const gain = gainOf(shot, row, metric);
    if (!Number.isNaN(gain) && compared.includes(metric)) {
      const better = metric.up ? gain > 0 : gain < 0;
      const change = (gain > 0 ? "+" : "") + spell(gain, metric.digits);
      cell.append(" ", make("span", {className: `change ${gain === 0 ? "" : better ? "good" : "bad"}`}, change));
    }
    return cell;
  });
}

// cards: a picture with its slider
const cards = new Map();
function setCut(card, cut) {
  card.cut = Math.min(100, Math.max(0, cut));
  card.stage.style.setProperty("--cut", `${card.cut}%`);
  const share = Math.round(card.cut);
  card.handle.setAttribute("aria-valuenow", share);
  card.handle.setAttribute("aria-valuetext", `${share} % ${nameOf(card.before.value)}, rest ${nameOf(card.after.value)}`);
}
/** Zoom about a point of the stage (in shares of its width and height), which stays where it is. */
function setZoom(card, zoom, at = [0.5, 0.5], move = [0, 0]) {
  const to = Math.min(32, Math.max(1, zoom));
  const place = (old, point, shift) => Math.min(0, Math.max(1 - to, point - ((point - old) * to) / card.zoom + shift));
  card.x = place(card.x, at[0], move[0]);
  card.y = place(card.y, at[1], move[1]);
  card.zoom = to;
  const {style, classList} = card.stage;
  style.setProperty("--zoom", to);
  style.setProperty("--x", card.x);
  style.setProperty("--y", card.y);
  classList.toggle("near", to > 1);
  const pixel = (card.stage.clientWidth * to * devicePixelRatio) / card.shot.size[0];
  classList.toggle("pixels", pixel >= 2);
  card.note.textContent = to > 1 ? `×${to < 10 ? to.toFixed(1).replace(".0", "") : to.toFixed(0)}` : "";
}
const nameOf = (side) => labels.find(([key]) => key === side)[1];
function setSides(card, before, after) {
  for (const [select, layer, tag, side] of [
    [card.before, card.left, card.leftTag, before],
    [card.after, card.right, card.rightTag, after],
  ]) {
    select.value = card.shot.pictures[side] ? side : select.options[0].value;
    layer.src = card.shot.pictures[select.value];
    layer.alt = `${card.shot.name}: ${nameOf(select.value)}`;
    tag.textContent = nameOf(select.value);
  }
  setCut(card, card.cut);
}

function makeCard(shot) {
  const card = {shot, cut: 50, zoom: 1, x: 0, y: 0};
  card.left = make("img", {draggable: false});
  card.right = make("img", {draggable: false});
  card.handle = make("div", {className: "handle", tabIndex: 0, role: "slider", "aria-orientation": "horizontal",
    "aria-label": `Before and after of ${shot.name}`, "aria-valuemin": 0, "aria-valuemax": 100});
  card.leftTag = make("span", {className: "tag left"});
  card.rightTag = make("span", {className: "tag right"});
  card.stage = make("div", {className: "stage"}, make("div", {className: "layer"}, card.right),
    make("div", {className: "layer left"}, card.left), card.leftTag, card.rightTag, card.handle);
  const [width, height] = shot.size;
  card.stage.style.aspectRatio = `${width} / ${height}`;
  card.stage.style.width = `min(100%, ${(75 * width) / height}vh)`;
  card.before = make("select", {"aria-label": `Left side of ${shot.name}`});
  card.after = make("select", {"aria-label": `Right side of ${shot.name}`});
  for (const select of [card.before, card.after]) {
    options(select, labels.filter(([key]) => shot.pictures[key]));
    select.addEventListener("change", () => setSides(card, card.before.value, card.after.value));
  }
  card.note = make("output", {className: "faint"});
  card.rank = make("span", {className: "faint"});
  card.head = make("tr");
  card.body = make("tbody");
  const bigger = make("button", {type: "button", title: "Larger or smaller", "aria-label": `Larger: ${shot.name}`,
    "aria-pressed": "false"}, "⤢");
  bigger.addEventListener("click", () => {
    bigger.setAttribute("aria-pressed", card.node.classList.toggle("big"));
  });
  card.node = make("article", {className: "card"},
    make("header", {}, make("h3", {}, shot.name), card.rank, bigger), card.stage,
    make("div", {className: "sides"}, card.before, card.note, card.after),
    make("div", {className: "wide"}, make("table", {},
      make("thead", {}, card.head), card.body)));
  listen(card);
  // how large a pixel is drawn depends on the width
  new ResizeObserver(() => setZoom(card, card.zoom)).observe(card.stage);
  return card;
}

function listen(card) {
  const {stage, handle} = card;
  const at = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const cuts = event.target === handle || card.zoom === 1;
    drag = {id: event.pointerId, from: [event.clientX, event.clientY], place: at(event), cuts, moved: event.target === handle};
  });
  stage.addEventListener("pointermove", (event) => {
    if (!drag || drag.id !== event.pointerId) return;
    const [right, down] = [event.clientX - drag.from[0], event.clientY - drag.from[1]];
    if (!drag.moved) {
      if (Math.hypot(right, down) <= 4) return;
      if (drag.cuts && event.pointerType === "touch" && Math.abs(down) > Math.abs(right)) {
        // a finger that goes up or down scrolls the page
        drag = null;
        return;
      }
      drag.moved = true;
    }
    stage.setPointerCapture(event.pointerId);
    const place = at(event);
    if (drag.cuts) setCut(card, place[0] * 100);
    else setZoom(card, card.zoom, [0, 0], [place[0] - drag.place[0], place[1] - drag.place[1]]);
    drag.place = place;
  });
  stage.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) setZoom(card, card.zoom > 1 ? 1 : 4, at(event));
    drag = null;
  });
  stage.addEventListener("pointercancel", () => { drag = null; });
  stage.addEventListener("wheel", (event) => {
    // at rest the wheel scrolls the page
    if (card.zoom === 1 && !event.ctrlKey) return;
    event.preventDefault();
    setZoom(card, card.zoom * 2 ** (-event.deltaY / 200), at(event));
  }, {passive: false});
  handle.addEventListener("keydown", (event) => {
    const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[event.key];
    const jump = {PageUp: 10, PageDown: -10, Home: -100, End: 100}[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (step && event.shiftKey) setZoom(card, card.zoom, [0, 0], [-step[0] / 10, -step[1] / 10]);
    else if (step) setCut(card, card.cut + 2 * (step[0] - step[1]));
    else if (jump) setCut(card, card.cut + jump);
    else if (event.key === "+" || event.key === "=") setZoom(card, card.zoom * 2);
    else if (event.key === "-") setZoom(card, card.zoom / 2);
    else if (event.key === "0") setZoom(card, 1);
    else return;
    event.preventDefault();
  });
}

// the plot: one mark a method and image
const svg = $("plot");
const draw = (tag, more, ...inside) => {
  const node = document.createElementNS(svg.namespaceURI, tag);
  for (const [key, value] of Object.entries(more)) node.setAttribute(key, value);
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
let drawn = null;
function plot(order) {
  const metric = sortedBy();
  const along = state.sort === "name" ? "name" : `${metric.title} of ${state.method}, ${state.order} first`;
  $("plot-title").textContent = `${heading(metric)} of each image, by ${along}`;
  const [width, height, left, right, top, bottom] = [svg.clientWidth || 900, svg.clientHeight || 272, 56, 12, 10, 34];
  const all = rows.map((row) => order.map((shot) => valueOf(shot, row, metric)));
  const finite = all.flat().filter(Number.isFinite);
  const [low, high] = finite.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
  const missing = all.flat().length - finite.length;
  drawn = {order, metric, left, gap: (width - left - right) / order.length};
  const parts = [];
  if (finite.length) {
    const spread = high - low || Math.abs(high) || 1;
    const power = 10 ** Math.floor(Math.log10(spread / 5));
    const step = power * [1, 2, 5, 10].find((factor) => factor * power >= spread / 5);
    const [floor, ceiling] = [low - spread / 20, high + spread / 20];
    const y = (value) => top + ((ceiling - value) / (ceiling - floor)) * (height - top - bottom);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (let tick = Math.ceil(floor / step); tick * step <= ceiling; tick++) {
      const value = tick * step;
      parts.push(draw("line", {class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value)}));
      parts.push(draw("text", {x: left - 8, y: y(value) + 4, "text-anchor": "end"}, spell(value, digits)));
    }
    const chosen = rows.indexOf(state.method);
    const many = order.length > 200;
    // the chosen method lies on top
    for (const index of [...rows.keys()].sort((a, b) => (a === chosen) - (b === chosen) || a - b)) {
      const points = all[index].map((value, place) => [left + (place + 0.5) * drawn.gap, value])
        .filter(([, value]) => Number.isFinite(value)).map(([x, value]) => [x, y(value)]);
      if (index === chosen && points.length) {
        parts.push(draw("path", {d: "M" + points.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L"), fill: "none",
          stroke: colour(index), "stroke-width": many ? 3 : 1.5}));
        if (many) continue;
      }
      const faint = index === chosen ? 1 : many ? 0.35 : 0.65;
      parts.push(draw("path", {d: points.map(([a, b]) => mark(index, a, b)).join(""), fill: colour(index), opacity: faint}));
    }
  }
  const few = order.length === 1 ? "1 image" : `${order.length} images`;
  parts.push(draw("text", {x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle"}, `${few}, ${
    state.sort === "name" ? "in the order of their names" : `${state.order} to ${state.order === "worst" ? "best" : "worst"}`}`));
  drawn.line = draw("line", {class: "here", y1: top, y2: height - bottom, visibility: "hidden"});
  svg.replaceChildren(...parts, drawn.line);
  $("legend").replaceChildren(...rows.map((row, index) => {
    const key = draw("svg", {viewBox: "-7 -7 14 14", "aria-hidden": "true"});
    key.append(draw("path", {d: mark(index, 0, 0), fill: colour(index)}));
    return make("span", {}, key, row);
  }));
  drawn.rest = "Point at the plot to name an image; a click goes to it."
    + (missing ? ` Left out, since infinite or undefined: ${missing} of ${all.flat().length} values.` : "");
  $("hint").textContent = drawn.rest;
}
function pointed(event) {
  const place = Math.floor((event.clientX - svg.getBoundingClientRect().left - drawn.left) / drawn.gap);
  return Math.min(drawn.order.length - 1, Math.max(0, place));
}
svg.addEventListener("pointermove", (event) => {
  const place = pointed(event);
  const shot = drawn.order[place];
  if (!shot) return;
  const x = drawn.left + (place + 0.5) * drawn.gap;
  for (const key of ["x1", "x2"]) drawn.line.setAttribute(key, x);
  drawn.line.setAttribute("visibility", "visible");
  const values = rows.map((row) => `${row} ${spell(valueOf(shot, row, drawn.metric), drawn.metric.digits)}`);
  $("hint").textContent = `${shot.name} (${place + 1} of ${drawn.order.length}): ${values.join(" · ")}`;
});
svg.addEventListener("pointerleave", () => {
  drawn.line.setAttribute("visibility", "hidden");
  $("hint").textContent = drawn.rest;
});
svg.addEventListener("click", (event) => drawn.order.length && goTo(drawn.order[pointed(event)]));
function goTo(shot) {
  if (state.find) {
    state.find = "";
    show();
  }
  const node = cards.get(shot)?.node || lines.get(shot);
  for (const old of document.querySelectorAll(".found")) old.classList.remove("found");
  node.classList.add("found");
  node.scrollIntoView({block: "start"});
}

// the table of all images, and everything together
const lines = new Map();
function table(order) {
  const head = (text, sort) => {
    const button = make("button", {type: "button"}, text);
    const node = make("th", {scope: "col"}, button);
    if (state.sort === sort) {
      const metric = metrics.find(({name}) => name === sort);
      const rising = (state.order === "worst") === (metric ? metric.up : true);
      node.setAttribute("aria-sort", rising ? "ascending" : "descending");
      button.append(rising ? " ▴" : " ▾");
    }
    button.addEventListener("click", () => {
      state.order = state.sort === sort && state.order === "worst" ? "best" : "worst";
      state.sort = sort;
      show();
    });
    return node;
  };
  const heads = metrics.map((metric) => head(heading(metric), metric.name));
  document.querySelector("#all thead tr").replaceChildren(head(`image, ${state.method}`, "name"), ...heads);
  lines.clear();
  for (const shot of order) {
    let name = shot.name;
    if (shot.pictures) {
      name = make("button", {type: "button", className: "link", title: "to its picture"}, shot.name);
      name.addEventListener("click", () => goTo(shot));
    }
    lines.set(shot, make("tr", {}, make("th", {scope: "row"}, name), ...cells(shot, state.method, metrics, metrics)));
  }
  document.querySelector("#all tbody").replaceChildren(...lines.values());
}
function find() {
  const wanted = state.find.toLowerCase();
  let count = 0;
  for (const [shot, line] of lines) {
    const hidden = !shot.name.toLowerCase().includes(wanted);
    line.hidden = hidden;
    if (cards.has(shot)) cards.get(shot).node.hidden = hidden;
    count += !hidden;
  }
  $("count").textContent = `${count} of ${shots.length} images`;
}
function show() {
  const metric = metrics.find(({name}) => name === state.sort);
  const falls = metric && !metric.up;
  options($("order"), metric
    ? [["worst", `worst first (${falls ? "high to low" : "low to high"})`], ["best", `best first (${falls ? "low to high" : "high to low"})`]]
    : [["worst", "A to Z"], ["best", "Z to A"]]);
  for (const key of ["method", "sort", "order", "before", "after", "find"]) $(key).value = state[key];
  const order = sorted();
  table(order);
  const shown = [];
  // a card is narrow: what is sorted by comes first, and of many it alone is compared
  const compared = metrics.length > 2 ? [sortedBy()] : metrics;
  const columns = metrics.length > 2 ? [sortedBy(), ...metrics.filter((one) => one !== sortedBy())] : metrics;
  const heads = ["method", ...columns.map((one) => `${one.title}\u00a0${arrow(one)}`)];
  order.forEach((shot, place) => {
    const card = cards.get(shot);
    if (!card) return;
    card.rank.textContent = `${place + 1} of ${order.length}`;
    card.head.replaceChildren(...heads.map((text) => make("th", {scope: "col"}, text)));
    card.body.replaceChildren(...rows.map((row) => make("tr", {className: row === state.method ? "chosen" : ""},
      make("th", {scope: "row"}, row), ...cells(shot, row, columns, compared))));
    shown.push(card.node);
  });
  $("cards").replaceChildren(...shown);
  find();
  plot(order);
  writeAddress();
}
function showSides() {
  for (const card of cards.values()) setSides(card, state.before, state.after);
}

for (const shot of shots) if (shot.pictures) cards.set(shot, makeCard(shot));
options($("method"), rows.map((row) => [row, row]));
options($("sort"), [...metrics.map((metric) => [metric.name, heading(metric)]), ["name", "name"]]);
options($("before"), labels);
options($("after"), labels);
for (const key of ["sort", "order"]) $(key).addEventListener("change", () => { state[key] = $(key).value; show(); });
$("method").addEventListener("change", () => {
  state.method = $("method").value;
  state.after = sideOf(state.method);
  show();
  showSides();
});
for (const key of ["before", "after"]) {
  $(key).addEventListener("change", () => { state[key] = $(key).value; writeAddress(); showSides(); });
}
$("find").addEventListener("input", () => { state.find = $("find").value; find(); writeAddress(); });
$("bar").addEventListener("submit", (event) => event.preventDefault());
const open = () => {
  readAddress();
  show();
  showSides();
};
addEventListener("hashchange", open);
addEventListener("resize", () => plot(drawn.order));
open();
})();
