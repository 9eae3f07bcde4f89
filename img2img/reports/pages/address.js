// What is shown, kept in the address after #, so that a view can be linked; and the order it gives.
const firstSide = labels.some(([key]) => key === ":source") ? ":source" : ":target";
const sorts = [...metrics.map((metric) => metric.name), "name"];
const state = {};
function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const known = (key, values, otherwise) => (values.includes(given.get(key)) ? given.get(key) : otherwise);
  const sides = labels.map(([key]) => key);
  state.method = known("method", rows, rows[rows.length - 1]);
  state.sort = known("sort", sorts, sorts[0]);
  state.order = known("order", ["worst", "best"], "worst");
  state.before = known("before", sides, firstSide);
  state.after = known("after", sides, sideOf(state.method));
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

const sortedBy = () => metrics.find(({name}) => name === state.sort) || metrics[0];
const names = new Intl.Collator("en", {numeric: true});
/** Shots in the wanted order; undefined values last whichever way; equal ones by name. */
function sorted() {
  const metric = metrics.find(({name}) => name === state.sort);
  const turn = state.order === "worst" ? 1 : -1;
  if (!metric) return [...shots].sort((first, second) => turn * names.compare(first.name, second.name));
  const sign = metric.up ? turn : -turn;
  return [...shots].sort((first, second) => {
    const [a, b] = [valueOf(first, state.method, metric), valueOf(second, state.method, metric)];
    if (Number.isNaN(a) !== Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
    return a === b || Number.isNaN(a) ? names.compare(first.name, second.name) : sign * (a < b ? -1 : 1);
  });
}
