"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  for (const name of ["log", "smooth"]) {
    const box = find(name);
    const show = () => document.body.classList.toggle(name, box.checked);
    box.addEventListener("change", show);
    show();
  }
  const at = find("at");
  if (!at) return;
  const sheets = [...document.querySelectorAll("#sheets img")];
  const show = () => {
    sheets.forEach((sheet, index) => { sheet.hidden = index !== Number(at.value); });
    find("step").textContent = sheets[at.value].alt;
  };
  at.addEventListener("input", show);
  show();
})();
