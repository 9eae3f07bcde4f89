// What all parts of the page share: what is served, and the lines that say what is going on.

export const site = await (await fetch("demo.json")).json();

export const $ = (id) => document.getElementById(id);

export const megapixels = (count) => `${(count / 1e6).toFixed(count < 9.95e6 ? 1 : 0)} MP`;

export function notice(text, bad = false) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  $("notice").classList.toggle("bad", bad);
}

export function step(text, count = null, of = 1) {
  $("work").hidden = !text;
  $("step").textContent = text;
  if (count === null) $("progress").removeAttribute("value");
  else $("progress").value = count / of;
}

/** Makes a link save a blob under a name; what the link saved before is given up. */
export function saves(link, blob, name) {
  if (link.href) URL.revokeObjectURL(link.href);
  link.href = URL.createObjectURL(blob);
  link.download = name;
  return link.href;
}
