// A photo, and what a model makes of it under a slider.

import {only, translated} from "./jobs.js";
import {$, notice, saves} from "./ui.js";

export const photoMode = {
  asks: "Drop a photo here, paste one, or choose a file",

  async open(model, photo) {
    $("result").hidden = true;
    $("drop").hidden = false;
    if (photo) await translate(model, photo);
  },

  close() {
    $("result").hidden = true;
  },
};

async function translate(model, photo) {
  const {blob, facts, note} = await translated(model, photo);
  $("before").src = photo.url;
  $("after").src = saves($("save"), blob, `${photo.name}-${model.name}.png`);
  const [, shown] = await only("Showing", () => Promise.allSettled([$("before").decode(), $("after").decode()]));
  notice(shown.status === "fulfilled" ? note : "The result is too large to be shown; it can be saved.");
  $("stage").classList.toggle("alone", !photo.width);
  $("facts").textContent = `${$("after").naturalWidth} × ${$("after").naturalHeight}, ${facts}`;
  $("drop").hidden = true;
  $("result").hidden = false;
}

$("slider").addEventListener("input", () => $("stage").style.setProperty("--cut", `${$("slider").value}%`));
$("size").addEventListener("click", () => {
  $("size").setAttribute("aria-pressed", $("frame").classList.toggle("full"));
  $("size").textContent = $("frame").classList.contains("full") ? "Fit" : "Full size";
});
