// Figures in cells, and the table of all images, whose heads sort the page.
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

// shots to their rows
const lines = new Map();
function table(order) {
  const heads = metrics.map((metric) => headOf(heading(metric), metric.name));
  document.querySelector("#all thead tr").replaceChildren(headOf(`image, ${state.method}`, "name"), ...heads);
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

/** The head of a column, a button that sorts by it. */
function headOf(text, sort) {
  const button = make("button", {type: "button"}, text);
  const head = make("th", {scope: "col"}, button);
  if (state.sort === sort) {
    const metric = metrics.find(({name}) => name === sort);
    const rising = (state.order === "worst") === (metric ? metric.up : true);
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    button.append(rising ? " ▴" : " ▾");
  }
  button.addEventListener("click", () => {
    state.order = state.sort === sort && state.order === "worst" ? "best" : "worst";
    state.sort = sort;
    show();
  });
  return head;
}
