// What the page knows: rows, metrics and images with their figures; and how elements and figures are written.
const {rows, base, metrics, shots, labels} = JSON.parse(document.getElementById("data").textContent);
// numbers travel as they are, infinite ones as words, undefined ones as null
const number = (value) => (value === null ? NaN : Number(value));
for (const shot of shots) shot.values = shot.values.map((row) => row.map(number));

const valueOf = (shot, row, metric) => shot.values[rows.indexOf(row)][metrics.indexOf(metric)];
const reasonOf = (shot, row, metric) => shot.reasons[rows.indexOf(row)]?.[metrics.indexOf(metric)] || "";
function gainOf(shot, row, metric) {
  return base === null || row === base ? NaN : valueOf(shot, row, metric) - valueOf(shot, base, metric);
}
const sideOf = (row) => (row === base ? ":source" : row);
const nameOf = (side) => labels.find(([key]) => key === side)[1];

const $ = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...inside) => {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in node) node[key] = value; else node.setAttribute(key, value);
  }
  node.append(...inside);
  return node;
};
const options = (select, pairs) => select.replaceChildren(...pairs.map(([value, text]) => new Option(text, value)));

const spell = (value, digits) => {
  if (Number.isNaN(value)) return "undefined";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  return value.toFixed(digits).replace("-", "−");
};
const counted = (count) => (count === 1 ? "1 image" : `${count} images`);
const arrow = (metric) => (metric.up ? "↑" : "↓");
const heading = (metric) => `${metric.title}${metric.unit ? ` (${metric.unit})` : ""} ${arrow(metric)}`;
