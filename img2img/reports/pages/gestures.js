// Moving a card's slider and zooming its pictures: by mouse, finger, wheel and keys.
function listen(card) {
  listenToPointers(card);
  card.stage.addEventListener("wheel", (event) => {
    // at rest the wheel scrolls the page
    if (card.zoom === 1 && !event.ctrlKey) return;
    event.preventDefault();
    setZoom(card, card.zoom * 2 ** (-event.deltaY / 200), shareOf(card.stage, event));
  }, {passive: false});
  card.handle.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (press(card, event.key, event.shiftKey)) event.preventDefault();
  });
}

/** Where an event is in an element, in shares of its width and height. */
function shareOf(node, event) {
  const box = node.getBoundingClientRect();
  return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
}

function listenToPointers(card) {
  const {stage, handle} = card;
  let drag = null;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    const onHandle = event.target === handle;
    drag = {id: event.pointerId, from: [event.clientX, event.clientY], at: shareOf(stage, event),
      cuts: onHandle || card.zoom === 1, moved: onHandle};
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
    const at = shareOf(stage, event);
    if (drag.cuts) setCut(card, at[0] * 100);
    else setZoom(card, card.zoom, [0, 0], [at[0] - drag.at[0], at[1] - drag.at[1]]);
    drag.at = at;
  });
  stage.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) setZoom(card, card.zoom > 1 ? 1 : 4, shareOf(stage, event));
    drag = null;
  });
  stage.addEventListener("pointercancel", () => { drag = null; });
}

/** What a key does to a card; false where it means nothing here. */
function press(card, key, shift) {
  const step = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]}[key];
  const jump = {PageUp: 10, PageDown: -10, Home: -100, End: 100}[key];
  if (step && shift) setZoom(card, card.zoom, [0, 0], [-step[0] / 10, -step[1] / 10]);
  else if (step) setCut(card, card.cut + 2 * (step[0] - step[1]));
  else if (jump) setCut(card, card.cut + jump);
  else if (key === "+" || key === "=") setZoom(card, card.zoom * 2);
  else if (key === "-") setZoom(card, card.zoom / 2);
  else if (key === "0") setZoom(card, 1);
  else return false;
  return true;
}
