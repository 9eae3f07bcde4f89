// Cards: two pictures of an image under a slider, and its figures below.
const cards = new Map();

function setCut(card, cut) {
  card.cut = Math.min(100, Math.max(0, cut));
  card.stage.style.setProperty("--cut", `${card.cut}%`);
  const share = Math.round(card.cut);
  card.handle.setAttribute("aria-valuenow", share);
  card.handle.setAttribute("aria-valuetext", `${share} % ${nameOf(card.before.value)}, rest ${nameOf(card.after.value)}`);
}

/** Zoom about a point of the stage (in shares of its width and height), which stays where it is but for `move`. */
function setZoom(card, zoom, at = [0.5, 0.5], move = [0, 0]) {
  const to = Math.min(32, Math.max(1, zoom));
  const corner = (old, point, shift) => Math.min(0, Math.max(1 - to, point - ((point - old) * to) / card.zoom + shift));
  card.x = corner(card.x, at[0], move[0]);
  card.y = corner(card.y, at[1], move[1]);
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

/** The cards of images in their order, with their rank and figures. */
function showCards(order) {
  // a card is narrow: what is sorted by comes first, and of many it alone is compared
  const compared = metrics.length > 2 ? [sortedBy()] : metrics;
  const columns = metrics.length > 2 ? [sortedBy(), ...metrics.filter((metric) => metric !== sortedBy())] : metrics;
  const heads = ["method", ...columns.map((metric) => `${metric.title}\u00a0${arrow(metric)}`)];
  const shown = [];
  order.forEach((shot, rank) => {
    const card = cards.get(shot);
    if (!card) return;
    card.rank.textContent = `${rank + 1} of ${order.length}`;
    card.head.replaceChildren(...heads.map((text) => make("th", {scope: "col"}, text)));
    card.body.replaceChildren(...rows.map((row) => make("tr", {className: row === state.method ? "chosen" : ""},
      make("th", {scope: "row"}, row), ...cells(shot, row, columns, compared))));
    shown.push(card.node);
  });
  $("cards").replaceChildren(...shown);
}
