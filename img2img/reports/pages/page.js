// Everything together: what the controls do, and the first view.
function find() {
  const wanted = state.find.toLowerCase();
  let count = 0;
  for (const [shot, line] of lines) {
    const hidden = !shot.name.toLowerCase().includes(wanted);
    line.hidden = hidden;
    if (cards.has(shot)) cards.get(shot).node.hidden = hidden;
    count += !hidden;
  }
  $("count").textContent = `${count} of ${counted(shots.length)}`;
}

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

function show() {
  const metric = metrics.find(({name}) => name === state.sort);
  const falls = metric && !metric.up;
  options($("order"), metric
    ? [["worst", `worst first (${falls ? "high to low" : "low to high"})`], ["best", `best first (${falls ? "low to high" : "high to low"})`]]
    : [["worst", "A to Z"], ["best", "Z to A"]]);
  for (const key of ["method", "sort", "order", "before", "after", "find"]) $(key).value = state[key];
  const order = sorted();
  table(order);
  showCards(order);
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
